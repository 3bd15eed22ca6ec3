//! The fixed table of files that the page needs. Compiled in, named by their content: there is no file
//! system behind a path, so there is nothing to traverse to.

use std::sync::LazyLock;

/// One file.
pub(crate) struct Asset {
    /// `/assets/style-0123456789abcdef.css`.
    pub(crate) path: String,
    pub(crate) mime: &'static str,
    pub(crate) body: &'static [u8],
}

/// All of them, by what the templates call them.
pub(crate) struct Assets {
    pub(crate) style: Asset,
    pub(crate) app: Asset,
    pub(crate) htmx: Asset,
    pub(crate) sse: Asset,
    pub(crate) morph: Asset,
    pub(crate) icon: Asset,
    pub(crate) licences: Asset,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The table.
pub(crate) static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: Asset::new(
        "style",
        "css",
        "text/css; charset=utf-8",
        include_bytes!("../assets/style.css"),
    ),
    app: Asset::new("app", "js", SCRIPT, include_bytes!("../assets/app.js")),
    htmx: Asset::new(
        "htmx",
        "js",
        SCRIPT,
        include_bytes!("../assets/htmx.min.js"),
    ),
    sse: Asset::new("sse", "js", SCRIPT, include_bytes!("../assets/sse.min.js")),
    morph: Asset::new(
        "morph",
        "js",
        SCRIPT,
        include_bytes!("../assets/idiomorph-ext.min.js"),
    ),
    icon: Asset::new(
        "icon",
        "svg",
        "image/svg+xml",
        include_bytes!("../assets/icon.svg"),
    ),
    licences: Asset::new(
        "licences",
        "txt",
        "text/plain; charset=utf-8",
        include_bytes!("../assets/LICENCES.txt"),
    ),
});

impl Asset {
    fn new(name: &str, ending: &str, mime: &'static str, body: &'static [u8]) -> Self {
        let path = format!("/assets/{name}-{:016x}.{ending}", fingerprint(body));
        Self { path, mime, body }
    }
}

impl Assets {
    /// The file at exactly `path`.
    pub(crate) fn find(&self, path: &str) -> Option<&Asset> {
        [
            &self.style,
            &self.app,
            &self.htmx,
            &self.sse,
            &self.morph,
            &self.icon,
            &self.licences,
        ]
        .into_iter()
        .find(|asset| asset.path == path)
    }
}

/// FNV-1a. Tells versions apart for a cache; nobody's safety rests on it.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
