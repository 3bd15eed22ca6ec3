//! What bytes are. The name is asked last, and only for scripts, which are text to everybody but their host.

use crate::bytes::{be32, le16, le32, piece};

/// What a type is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Runs, by itself or by a double click.
    Executable,
    /// Holds other files.
    Container,
    /// A document, picture or text.
    Document,
    /// Nobody knows.
    Unknown,
}

macro_rules! types {
    ($($name:ident, $label:literal, $class:ident;)*) => {
        /// What a file is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Type {
            $(#[doc = concat!("`", $label, "`")] $name,)*
        }

        impl Type {
            /// Its name for people.
            pub fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            /// What it is good for.
            pub fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)* }
            }
        }
    };
}

types! {
    Pe, "PE", Executable;
    Dos, "DOS program", Executable;
    Elf, "ELF", Executable;
    MachO, "Mach-O", Executable;
    JavaClass, "Java class", Executable;
    Dex, "Dalvik program", Executable;
    Shell, "shell script", Executable;
    Batch, "batch file", Executable;
    PowerShell, "PowerShell script", Executable;
    WindowsScript, "Windows script", Executable;
    EncodedScript, "encoded Windows script", Executable;
    Shortcut, "Windows shortcut", Executable;
    Msi, "Windows installer", Executable;
    NamedExecutable, "executable by its name", Executable;
    Zip, "zip", Container;
    Gzip, "gzip", Container;
    Bzip2, "bzip2", Container;
    Xz, "xz", Container;
    Lzma, "lzma", Container;
    Lzip, "lzip", Container;
    Zstd, "zstd", Container;
    Compress, "compress", Container;
    SevenZip, "7z", Container;
    Rar, "rar", Container;
    Cab, "cab", Container;
    InstallShieldCab, "InstallShield cab", Container;
    Tar, "tar", Container;
    Cpio, "cpio", Container;
    Ar, "ar", Container;
    Arj, "arj", Container;
    Lha, "lha", Container;
    Ace, "ace", Container;
    Iso, "ISO 9660", Container;
    Szdd, "SZDD", Container;
    BinHex, "BinHex", Container;
    Tnef, "TNEF", Container;
    Ole, "OLE", Container;
    Rtf, "RTF", Container;
    OneNote, "OneNote", Container;
    Pdf, "PDF", Container;
    Chm, "CHM", Container;
    Sis, "SIS", Container;
    Html, "HTML", Document;
    Text, "text", Document;
    Picture, "picture", Document;
    Data, "data", Unknown;
    Empty, "empty", Document;
}

impl Type {
    /// Whether it runs, by itself or by a double click.
    pub fn is_executable(self) -> bool {
        self.class() == Class::Executable
    }
}

const MAGIC: &[(usize, &[u8], Type)] = &[
    (0, b"\x7fELF", Type::Elf),
    (0, b"\xfe\xed\xfa\xce", Type::MachO),
    (0, b"\xfe\xed\xfa\xcf", Type::MachO),
    (0, b"\xce\xfa\xed\xfe", Type::MachO),
    (0, b"\xcf\xfa\xed\xfe", Type::MachO),
    (0, b"dex\n", Type::Dex),
    (0, b"#!", Type::Shell),
    (0, b"#@~^", Type::EncodedScript),
    (
        0,
        b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0",
        Type::Shortcut,
    ),
    (0, b"PK\x03\x04", Type::Zip),
    (0, b"PK\x05\x06", Type::Zip),
    (0, b"PK\x07\x08PK\x03\x04", Type::Zip),
    (0, b"PK00PK\x03\x04", Type::Zip),
    (0, b"\x1f\x8b", Type::Gzip),
    (0, b"\xfd7zXZ\0", Type::Xz),
    (0, b"LZIP", Type::Lzip),
    (0, b"\x28\xb5\x2f\xfd", Type::Zstd),
    (0, b"\x1f\x9d", Type::Compress),
    (0, b"7z\xbc\xaf\x27\x1c", Type::SevenZip),
    (0, b"Rar!\x1a\x07", Type::Rar),
    (0, b"RE~^", Type::Rar),
    (0, b"MSCF", Type::Cab),
    (0, b"ISc(", Type::InstallShieldCab),
    (257, b"ustar", Type::Tar),
    (0, b"070701", Type::Cpio),
    (0, b"070702", Type::Cpio),
    (0, b"070707", Type::Cpio),
    (0, b"\xc7\x71", Type::Cpio),
    (0, b"\x71\xc7", Type::Cpio),
    (0, b"!<arch>\n", Type::Ar),
    (0, b"\x60\xea", Type::Arj),
    (7, b"**ACE**", Type::Ace),
    (0x8001, b"CD001", Type::Iso),
    (0, b"SZDD\x88\xf0\x27\x33", Type::Szdd),
    (0, b"SZ \x88\xf0\x27\x33\xd1", Type::Szdd),
    (0, b"\x78\x9f\x3e\x22", Type::Tnef),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Type::Ole),
    (0, b"{\\rt", Type::Rtf),
    (0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", Type::OneNote),
    (0, b"\x3f\xdd\x9a\x10\x1b\x91\xf5\x49", Type::OneNote),
    (0, b"\xa1\x2f\xff\x43\xd9\xef\x76\x4c", Type::OneNote),
    (0, b"ITSF", Type::Chm),
    (4, b"\x12\x3a\0\x10", Type::Sis),
    (8, b"\x19\x04\0\x10", Type::Sis),
    (0, b"\x7a\x1a\x20\x10", Type::Sis),
    (0, b"\x89PNG\r\n\x1a\n", Type::Picture),
    (0, b"\xff\xd8\xff", Type::Picture),
    (0, b"GIF8", Type::Picture),
];

/// Where `%PDF-` may stand, in bytes from the start: readers look that far.
const PDF_HEAD_BYTES: usize = 1024;

/// How much of a text is looked at to tell that it is one, in bytes.
const TEXT_HEAD_BYTES: usize = 4096;

/// What bytes are, whatever they are called.
pub fn type_of(bytes: &[u8]) -> Type {
    if bytes.is_empty() {
        return Type::Empty;
    }
    if bytes.starts_with(b"MZ") || bytes.starts_with(b"ZM") {
        return dos(bytes);
    }
    if bytes.starts_with(b"BZh") && piece(bytes, 4, 6).is_some_and(is_bzip2_block) {
        return Type::Bzip2;
    }
    if bytes.starts_with(b"\xca\xfe\xba\xbe") {
        // A fat Mach-O counts its few architectures where a class keeps its version, 45 and above.
        let few = be32(bytes, 4).is_some_and(|count| count < 40);
        return if few { Type::MachO } else { Type::JavaClass };
    }
    let found = MAGIC
        .iter()
        .find(|(at, magic, _)| piece(bytes, *at, magic.len()) == Some(magic));
    if let Some((_, _, kind)) = found {
        return *kind;
    }
    let head = bytes.get(..PDF_HEAD_BYTES).unwrap_or(bytes);
    if memchr::memmem::find(head, b"%PDF-").is_some() {
        return Type::Pdf;
    }
    if is_lha(bytes) {
        return Type::Lha;
    }
    if is_old_tar(bytes) {
        return Type::Tar;
    }
    if is_lzma(bytes) {
        return Type::Lzma;
    }
    text(bytes)
}

fn is_bzip2_block(six: &[u8]) -> bool {
    six == b"1AY&SY" || six == b"\x17\x72\x45\x38\x50\x90"
}

fn dos(bytes: &[u8]) -> Type {
    let header = le32(bytes, 0x3c).and_then(|at| piece(bytes, at, 4));
    if header == Some(b"PE\0\0") {
        return Type::Pe;
    }
    // Text may start with these letters; a program's second word says how full its last page is.
    let plausible = le16(bytes, 2).is_some_and(|last| last < 512) && bytes.len() >= 28;
    if plausible { Type::Dos } else { text(bytes) }
}

/// LZMA alone has no magic: usual properties, a size that is unknown or sane, and a coder that starts with 0.
fn is_lzma(bytes: &[u8]) -> bool {
    let size = piece(bytes, 5, 8).unwrap_or_default(); // default: because what is that short is none, below
    let sane = size.iter().all(|byte| *byte == 0xff) || size.get(5..) == Some(&[0, 0, 0]);
    bytes.starts_with(b"\x5d\0\0") && sane && bytes.get(13) == Some(&0) && bytes.len() > 18
}

fn is_lha(bytes: &[u8]) -> bool {
    matches!(piece(bytes, 2, 5), Some([b'-', b'l', b'h' | b'z', _, b'-']))
}

/// A tar from before `ustar`: only its checksum says so.
fn is_old_tar(bytes: &[u8]) -> bool {
    let Some(header) = piece(bytes, 0, 512) else {
        return false;
    };
    header.first() != Some(&0) && crate::open::tar::checksum_fits(header)
}

fn text(bytes: &[u8]) -> Type {
    let head = bytes.get(..TEXT_HEAD_BYTES).unwrap_or(bytes);
    let wide = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    let controls = head
        .iter()
        .any(|byte| *byte < 7 || (0x0e..0x1b).contains(byte));
    if controls && !wide {
        return Type::Data;
    }
    let lower: Vec<u8> = head
        .iter()
        .filter(|byte| **byte != 0)
        .map(u8::to_ascii_lowercase)
        .collect();
    let has = |what: &[u8]| memchr::memmem::find(&lower, what).is_some();
    if has(b"@echo off") {
        Type::Batch
    } else if has(b"(this file must be converted with binhex") {
        Type::BinHex
    } else if has(b"<html") || has(b"<script") || has(b"<body") || has(b"<!doctype html") {
        Type::Html
    } else if has(b"wscript.shell") || has(b"activexobject(") || has(b"createobject(") {
        Type::WindowsScript
    } else {
        Type::Text
    }
}

/// What a name says that its file would be run as; [`None`] if it would not be run.
pub fn type_of_name(name: &str) -> Option<Type> {
    let hidden = |c: char| c == '.' || c.is_whitespace() || c.is_control();
    let name = name.trim_end_matches(hidden);
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "sh" | "bash" | "command" | "py" | "pl" | "rb" | "php" => Type::Shell,
        "bat" | "cmd" => Type::Batch,
        "ps1" | "ps2" | "psm1" | "psd1" | "psc1" => Type::PowerShell,
        "vbs" | "js" | "wsf" | "wsh" | "wsc" | "sct" | "hta" | "jsx" => Type::WindowsScript,
        "vbe" | "jse" => Type::EncodedScript,
        "lnk" | "url" | "scf" | "pif" => Type::Shortcut,
        "msi" | "msp" | "mst" => Type::Msi,
        "exe" | "com" | "scr" | "dll" | "cpl" | "ocx" | "sys" | "drv" | "gadget" | "jar"
        | "reg" | "apk" | "appx" | "msix" | "application" | "appref-ms" | "xll" | "chm" => {
            Type::NamedExecutable
        }
        _ => return None,
    })
}
