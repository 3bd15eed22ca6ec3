//! Reads a file that may be packed, up to a named size. What a file is, is told by its first bytes.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Largest file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// Largest content that is unpacked, in bytes. All of Debian's main index is 50 MB.
pub const MAX_UNPACKED_BYTES: u64 = 512 << 20;

/// Why a file gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// It could not be opened or read.
    #[error("{path} could not be read: {why}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What kind of failure.
        kind: io::ErrorKind,
        /// What the system says.
        why: String,
    },
    /// Cut short.
    #[error("{path} is truncated: its {form} data ends too early, after {got} bytes")]
    Truncated {
        /// Which file.
        path: PathBuf,
        /// `gzip`, `lz4`, `xz`, or `plain`.
        form: &'static str,
        /// How much could be unpacked.
        got: usize,
    },
    /// Not of the size that its archive published.
    #[error("{path} is not whole: expected {expected} bytes unpacked, got {got}")]
    WrongSize {
        /// Which file.
        path: PathBuf,
        /// What the Release file says.
        expected: u64,
        /// What is there.
        got: usize,
    },
    /// Packed, and damaged.
    #[error("{path} is damaged: its {form} data cannot be unpacked ({why})")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// `gzip`, `lz4`, `xz`.
        form: &'static str,
        /// What the unpacker says.
        why: String,
    },
    /// Larger than a limit.
    #[error("{path} is larger than {limit} bytes{}", if *.packed { " unpacked" } else { "" })]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// The limit.
        limit: u64,
        /// Whether it is the unpacked size.
        packed: bool,
    },
}

/// The content of `path`, unpacked if it is gzip, lz4 or xz.
pub fn unpack(path: &Path) -> Result<Vec<u8>, UnpackError> {
    let unreadable = |error: &io::Error| UnpackError::Unreadable {
        path: path.to_owned(),
        kind: error.kind(),
        why: error.to_string(),
    };
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut raw = Vec::new();
    io::copy(&mut file.take(MAX_FILE_BYTES + 1), &mut raw).map_err(|error| unreadable(&error))?;
    if raw.len() as u64 > MAX_FILE_BYTES {
        let (path, limit) = (path.to_owned(), MAX_FILE_BYTES);
        return Err(UnpackError::TooLarge {
            path,
            limit,
            packed: false,
        });
    }
    unpack_bytes(path, raw)
}

/// The same for bytes that were read already; `path` is for the error.
pub fn unpack_bytes(path: &Path, raw: Vec<u8>) -> Result<Vec<u8>, UnpackError> {
    match *raw.as_slice() {
        [0x1f, 0x8b, ..] => read_packed(
            path,
            "gzip",
            flate2::bufread::MultiGzDecoder::new(raw.as_slice()),
        ),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            read_packed(path, "xz", lzma_rust2::XzReader::new(raw.as_slice(), true))
        }
        [0x04, 0x22, 0x4d, 0x18, ..] => {
            // The decoder takes an end of input for the end of a frame; the format asks for four
            // zero bytes there (LZ4 Frame Format 1.6.4, EndMark), and a checksum if it is flagged.
            let ended = lz4_end_mark(&raw);
            let unpacked = read_packed(
                path,
                "lz4",
                lz4_flex::frame::FrameDecoder::new(raw.as_slice()),
            )?;
            if ended {
                Ok(unpacked)
            } else {
                let (path, got) = (path.to_owned(), unpacked.len());
                Err(UnpackError::Truncated {
                    path,
                    form: "lz4",
                    got,
                })
            }
        }
        _ => Ok(raw),
    }
}

fn lz4_end_mark(raw: &[u8]) -> bool {
    const CONTENT_CHECKSUM: u8 = 0b100;
    let flags = raw.get(4).copied().unwrap_or(0);
    let trailer = if flags & CONTENT_CHECKSUM == 0 { 4 } else { 8 };
    let tail = raw
        .len()
        .checked_sub(trailer)
        .and_then(|start| raw.get(start..start + 4));
    tail == Some(&[0; 4])
}

fn read_packed(path: &Path, form: &'static str, reader: impl Read) -> Result<Vec<u8>, UnpackError> {
    let mut unpacked = Vec::new();
    let read = io::copy(&mut reader.take(MAX_UNPACKED_BYTES + 1), &mut unpacked);
    let (path, got) = (path.to_owned(), unpacked.len());
    match read {
        Ok(bytes) if bytes > MAX_UNPACKED_BYTES => Err(UnpackError::TooLarge {
            path,
            limit: MAX_UNPACKED_BYTES,
            packed: true,
        }),
        Ok(_) => Ok(unpacked),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(UnpackError::Truncated { path, form, got })
        }
        Err(error) => Err(UnpackError::Damaged {
            path,
            form,
            why: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed() -> [(&'static str, Vec<u8>); 3] {
        let text = b"Package: a\nVersion: 1\n\n".repeat(5000);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&text).unwrap();
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(&text).unwrap();
        let options = lzma_rust2::XzOptions::with_preset(1);
        let mut xz = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        xz.write_all(&text).unwrap();
        [
            ("gzip", gzip.finish().unwrap()),
            ("lz4", lz4.finish().unwrap()),
            ("xz", xz.finish().unwrap()),
        ]
    }

    #[test]
    fn all_three_forms_are_read_whole_or_not_at_all() {
        let path = Path::new("Packages");
        for (form, bytes) in packed() {
            assert_eq!(
                unpack_bytes(path, bytes.clone()).unwrap().len(),
                23 * 5000,
                "{form}"
            );
            for cut in [bytes.len() / 2, bytes.len() - 1, bytes.len() - 4, 12] {
                let short = bytes.iter().copied().take(cut).collect();
                let error = unpack_bytes(path, short).unwrap_err();
                let told = matches!(
                    error,
                    UnpackError::Truncated { .. } | UnpackError::Damaged { .. }
                );
                assert!(told, "{form} cut at {cut}: {error}");
            }
        }
    }
}
