//! Which operating system a host says it runs. Without that no advisory speaks of it, and an auditor who
//! guesses applies the patches of another release.

/// Longest `os-release` that is read, in bytes.
pub const MAX_OS_RELEASE_BYTES: usize = 64 * 1024;

/// What `etc/os-release` says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Os {
    /// `debian`, `almalinux`, `alpine`.
    pub id: String,
    /// `12`, `8.10`, `3.19.1`; none on rolling releases.
    pub version: Option<String>,
    /// `bookworm`.
    pub codename: Option<String>,
}

/// Why bytes are no os-release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OsError {
    /// Longer than [`MAX_OS_RELEASE_BYTES`].
    #[error("expected an os-release of at most {MAX_OS_RELEASE_BYTES} bytes, found {0}")]
    TooLong(usize),
    /// Not text.
    #[error("expected text in UTF-8, found another byte at offset {0}")]
    NotText(usize),
    /// No `ID`.
    #[error("expected a line ID=, found none")]
    NoId,
}

impl Os {
    /// Reads `etc/os-release` (os-release(5)): shell-like assignments, the last one counts.
    pub fn read(bytes: &[u8]) -> Result<Self, OsError> {
        if bytes.len() > MAX_OS_RELEASE_BYTES {
            return Err(OsError::TooLong(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|why| OsError::NotText(why.valid_up_to()))?;
        let value = |name: &str| {
            let lines = text.lines().rev();
            let mut values =
                lines.filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='));
            values.next().map(unquote).filter(|value| !value.is_empty())
        };
        Ok(Self {
            id: value("ID").ok_or(OsError::NoId)?.to_lowercase(),
            version: value("VERSION_ID"),
            codename: value("VERSION_CODENAME"),
        })
    }

    /// The release in the words of advisories: `almalinux:8`, `alpine:3.19`, `ubuntu:22.04`, `debian:12`.
    /// None where the host does not say its version.
    pub fn release(&self) -> Option<String> {
        let version = self.version.as_deref()?;
        let mut parts = version.split('.');
        let major = parts.next()?;
        let release = match self.id.as_str() {
            "debian" | "rhel" | "almalinux" | "rocky" | "centos" | "ol" | "amzn" => {
                major.to_owned()
            }
            "alpine" => format!("{major}.{}", parts.next()?),
            _ => version.to_owned(),
        };
        Some(format!("{}:{release}", self.id))
    }
}

/// Takes shell quotes off.
fn unquote(value: &str) -> String {
    let value = value.trim();
    let inner = ['"', '\'']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    let Some(inner) = inner else {
        return value.to_owned();
    };
    let (mut out, mut escaped) = (String::new(), false);
    for letter in inner.chars() {
        if letter == '\\' && !escaped {
            escaped = true;
        } else {
            out.push(letter);
            escaped = false;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_in_the_words_of_advisories() {
        let check = |text: &str, expected: Option<&str>| {
            let os = Os::read(text.as_bytes()).unwrap();
            assert_eq!(os.release().as_deref(), expected, "{text}");
        };
        check(
            "ID=\"almalinux\"\nVERSION_ID=\"8.10\"\n",
            Some("almalinux:8"),
        );
        check("ID=alpine\nVERSION_ID=3.19.1\n", Some("alpine:3.19"));
        check(
            "NAME='x'\nID=ubuntu\nVERSION_ID=\"22.04\"\nVERSION_CODENAME=jammy\n",
            Some("ubuntu:22.04"),
        );
        check("ID=arch\n", None);
        check(
            "ID=debian\nVERSION_ID=\"12\"\nID=Debian\n",
            Some("debian:12"),
        );
        assert_eq!(Os::read(b"NAME=x\n"), Err(OsError::NoId));
        assert_eq!(Os::read(b"ID=\xff"), Err(OsError::NotText(3)));
        assert_eq!(
            Os::read(&vec![b'a'; MAX_OS_RELEASE_BYTES + 1]),
            Err(OsError::TooLong(65537))
        );
    }
}
