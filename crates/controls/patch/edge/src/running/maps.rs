//! What `/proc/PID/maps`, `/proc/PID/stat` and `/proc/stat` say. Pure. A line that is not
//! understood is an error of the whole: half a list of what a process maps would look like a whole
//! one.

/// Longest name that is shown of a process, in bytes; the kernel's own limit is 15, 63 for its
/// threads.
const MAX_NAME_BYTES: usize = 64;

/// `PF_KTHREAD`: the process is a thread of the kernel and maps nothing.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What the kernel adds to the name of a file that has none any more.
const DELETED: &[u8] = b" (deleted)";

/// A mapping of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mapping {
    /// First address.
    pub start: u64,
    /// Address after the last.
    pub end: u64,
    /// Where in the file it begins.
    pub offset: u64,
    /// Major and minor number of the device.
    pub device: (u32, u32),
    /// The file's inode.
    pub inode: u64,
    /// Its name as the kernel wrote it: a newline is `\012`, nothing else is escaped.
    pub name: Vec<u8>,
}

/// Why a file of `/proc` was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProcError {
    /// A line of `maps`.
    #[error("expected `start-end perms offset major:minor inode [name]`, found {0:?}")]
    Mapping(String),
    /// `PID/stat`.
    #[error("expected `pid (name) state …` with 22 fields, found {0:?}")]
    Stat(String),
    /// `/proc/stat`.
    #[error("expected a line `btime SECONDS`")]
    BootTime,
}

/// The executable mappings of files among the lines of `maps`. `[vdso]`, `[heap]` and what has no
/// name are of no file.
pub fn executable_mappings(maps: &[u8]) -> Result<Vec<Mapping>, ProcError> {
    mappings(maps, true)
}

/// All mappings of files among the lines of `maps`: also those of their data.
pub fn file_mappings(maps: &[u8]) -> Result<Vec<Mapping>, ProcError> {
    mappings(maps, false)
}

fn mappings(maps: &[u8], only_executable: bool) -> Result<Vec<Mapping>, ProcError> {
    let mut all = Vec::new();
    for line in maps
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let malformed = || ProcError::Mapping(shown(line));
        let (mapping, executable) = mapping(line).ok_or_else(malformed)?;
        if (executable || !only_executable) && mapping.inode != 0 && mapping.name.starts_with(b"/")
        {
            all.push(mapping);
        }
    }
    Ok(all)
}

fn mapping(line: &[u8]) -> Option<(Mapping, bool)> {
    let (range, rest) = field(line)?;
    let (perms, rest) = field(rest)?;
    let (offset, rest) = field(rest)?;
    let (device, rest) = field(rest)?;
    let (inode, rest) = field(rest)?;
    let (start, end) = split_at_byte(range, b'-')?;
    let (major, minor) = split_at_byte(device, b':')?;
    let mapping = Mapping {
        start: hex(start)?,
        end: hex(end)?,
        offset: hex(offset)?,
        device: (
            u32::try_from(hex(major)?).ok()?,
            u32::try_from(hex(minor)?).ok()?,
        ), // ok: because the caller tells of the line
        inode: decimal(inode)?,
        name: rest.trim_ascii_start().to_vec(),
    };
    let ordered = mapping.start < mapping.end && perms.len() == 4;
    ordered.then_some((mapping, perms.get(2) == Some(&b'x')))
}

/// The next field and what is after it and its space.
fn field(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(text.len());
    let (field, rest) = text.split_at_checked(end)?;
    (!field.is_empty()).then(|| (field, rest.get(1..).unwrap_or_default())) // default: because the last field has nothing after it
}

fn split_at_byte(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|b| *b == byte)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

fn hex(text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok()?; // ok: because the caller tells of the line
    u64::from_str_radix(text, 16).ok() // ok: likewise
}

fn decimal(text: &[u8]) -> Option<u64> {
    str::from_utf8(text).ok()?.parse().ok() // ok: because the caller tells of the line
}

fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(line.get(..line.len().min(200)).unwrap_or(line)).into_owned()
}

/// A name that a mapping may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// From the root on.
    pub path: Vec<u8>,
    /// Whether ` (deleted)` was taken for the kernel's mark and not for a part of the name.
    pub marked: bool,
}

/// What the kernel's text of a name may mean, the likeliest first. It can be told apart only by
/// looking at the files: a file may really be called `x (deleted)`, and `\012` may be four letters
/// or a newline.
pub fn names(raw: &[u8]) -> Vec<Name> {
    let mut all = Vec::new();
    let mut add = |path: &[u8], marked| {
        let name = Name {
            path: path.to_vec(),
            marked,
        };
        if !all.contains(&name) {
            all.push(name);
        }
    };
    let stripped = raw.strip_suffix(DELETED).filter(|path| path.len() > 1);
    if let Some(path) = stripped {
        add(&newlines(path), true);
        add(path, true);
    }
    add(&newlines(raw), false);
    add(raw, false);
    all
}

fn newlines(raw: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(raw.len()), raw);
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(b"\\012") {
            out.push(b'\n');
            rest = after;
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

/// Whether a mapping is of nothing that anybody installed: shared memory, devices, code that a
/// program made for itself and whose temporary file has no name any more.
pub fn made_at_run_time(raw: &[u8]) -> bool {
    const NEVER_FILES: [&[u8]; 5] = [b"/memfd:", b"/dev/", b"/SYSV", b"/anon_hugepage", b"/["];
    if NEVER_FILES.iter().any(|prefix| raw.starts_with(prefix)) {
        return true;
    }
    let Some(path) = raw.strip_suffix(DELETED) else {
        return false;
    };
    let end = path
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |at| at + 1);
    let (folder, name) = path.split_at_checked(end).unwrap_or((path, b""));
    let temporary = [&b"/tmp/"[..], b"/var/tmp/", b"/run/user/"];
    let random = |prefix: &[u8]| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() == 6 && rest.iter().all(u8::is_ascii_alphanumeric))
    };
    // GStreamer's ORC falls back from /run/user to the home folder.
    name.starts_with(b"orcexec.") && random(b"orcexec.")
        || temporary.iter().any(|prefix| folder.starts_with(prefix))
            && (random(b"ffi") || random(b".gl") || name.starts_with(b"jna"))
}

/// What is needed of `/proc/PID/stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// What the process calls itself.
    pub name: String,
    /// Its state: `Z` is a zombie.
    pub state: u8,
    /// Whether it is a thread of the kernel.
    pub kernel_thread: bool,
    /// When it began, in ticks since the machine's start. (The mtime of `/proc/PID` is now,
    /// whatever the process.)
    pub start_ticks: u64,
}

/// Reads `/proc/PID/stat`. The name may hold anything, brackets and newlines too.
pub fn read_stat(stat: &[u8]) -> Result<Stat, ProcError> {
    let read = || {
        let open = stat.iter().position(|byte| *byte == b'(')?;
        let close = stat.iter().rposition(|byte| *byte == b')')?;
        let name = stat.get(open + 1..close)?;
        let mut fields = stat
            .get(close + 1..)?
            .trim_ascii()
            .split(|byte| *byte == b' ');
        let state = fields.next()?.first().copied()?;
        let flags = decimal(fields.nth(5)?)?; // field 9
        let start_ticks = decimal(fields.nth(12)?)?; // field 22
        let name = name.get(..name.len().min(MAX_NAME_BYTES))?;
        Some(Stat {
            name: String::from_utf8_lossy(name).into_owned(),
            state,
            kernel_thread: flags & KERNEL_THREAD != 0,
            start_ticks,
        })
    };
    read().ok_or_else(|| ProcError::Stat(shown(stat)))
}

/// When the machine started, in seconds since 1970, rounded down: `btime` of `/proc/stat`.
pub fn boot_secs(stat: &[u8]) -> Result<u64, ProcError> {
    let mut lines = stat.split(|byte| *byte == b'\n');
    let line = lines.find_map(|line| line.strip_prefix(b"btime "));
    line.and_then(|secs| decimal(secs.trim_ascii()))
        .ok_or(ProcError::BootTime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_executable_mappings_of_files_are_kept_whatever_their_names() {
        let maps = b"55b1ed296000-55b1ed298000 r--p 00000000 fe:00 247030                     /usr/bin/cat\n\
            55b1ed298000-55b1ed29d000 r-xp 00002000 fe:00 247030                     /usr/bin/cat\n\
            7f5a2bcea000-7f5a2bd0c000 rwxp 00000000 00:00 0 \n\
            7f0000000000-7f0000001000 r-xp 00000000 103:1a 7       /a b\\012c (deleted)\n\
            7ffd2d5f6000-7ffd2d5f8000 r-xp 00000000 00:00 0                          [vdso]\n";
        let all = executable_mappings(maps).unwrap();
        let shown: Vec<_> = all
            .iter()
            .map(|m| (m.offset, m.device, m.inode, m.name.as_slice()))
            .collect();
        assert_eq!(
            shown,
            [
                (0x2000, (0xfe, 0), 247_030, &b"/usr/bin/cat"[..]),
                (0, (0x103, 0x1a), 7, b"/a b\\012c (deleted)"),
            ]
        );
        for broken in [
            "1000-2000 r-xp 0",
            "2000-1000 r-xp 0 0:0 1 /x",
            "g-h r-xp 0 0:0 1 /x",
        ] {
            assert_eq!(
                executable_mappings(broken.as_bytes()),
                Err(ProcError::Mapping(broken.to_owned()))
            );
        }
    }

    #[test]
    fn a_name_may_mean_several_files() {
        let name = |path: &str, marked| Name {
            path: path.as_bytes().to_vec(),
            marked,
        };
        assert_eq!(names(b"/a b"), [name("/a b", false)]);
        assert_eq!(
            names(b"/a (deleted)"),
            [name("/a", true), name("/a (deleted)", false)]
        );
        assert_eq!(
            names(b"/a\\012b"),
            [name("/a\nb", false), name("/a\\012b", false)]
        );
    }

    #[test]
    fn what_programs_make_for_themselves_is_nothing_installed() {
        for (name, expected) in [
            ("/memfd:doublemapper (deleted)", true),
            ("/dev/zero (deleted)", true),
            ("/dev/shm/x", true),
            ("/SYSV00000000 (deleted)", true),
            ("/tmp/ffiAb3dEf (deleted)", true),
            ("/home/u/orcexec.Ab3dEf (deleted)", true),
            ("/tmp/ffiAb3dEf", false),
            ("/tmp/libz.so.1 (deleted)", false),
            ("/usr/lib/ffiAb3dEf (deleted)", false),
            ("/usr/lib/libz.so.1 (deleted)", false),
            ("/developer/x", false),
        ] {
            assert_eq!(made_at_run_time(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn stat_is_read_from_behind_the_name() {
        let fields = "S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 99 100";
        let stat = read_stat(format!("7 (a) b (c)) {fields}\n").as_bytes());
        assert_eq!(
            stat,
            Ok(Stat {
                name: "a) b (c)".into(),
                state: b'S',
                kernel_thread: false,
                start_ticks: 4711
            })
        );
        let thread = read_stat(b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5 0");
        assert!(thread.unwrap().kernel_thread);
        assert!(read_stat(b"7 (cut) S 1 1").is_err());
        assert_eq!(
            boot_secs(b"cpu 1 2\nbtime 1790000000\nx 1\n"),
            Ok(1_790_000_000)
        );
        assert_eq!(boot_secs(b"cpu 1 2\n"), Err(ProcError::BootTime));
    }
}
