//! Reads the processes, one after the other. A process that ends meanwhile is normal; one that may
//! not be read is told.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File},
    io::{self, ErrorKind, Read},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::{
    Build, How, Looked, RunningError, Stale, Unseen,
    elf::{self, Bytes, ElfError, Word},
    loader,
    maps::{self, Mapping, Name, Stat},
    place::{Identity, Pieces, Place, Places},
};

/// Most processes that are looked at; more are counted.
pub const MAX_PROCESSES: usize = 65_536;

/// Most bytes of one process's `maps`; a process with more is unseen.
pub const MAX_MAPS_BYTES: u64 = 32 * 1024 * 1024;

/// Most bytes of a process's relocated memory that are read at once.
const MAX_MEMORY_BYTES: u64 = 1024 * 1024;

/// How often a process is judged again that maps something else than a moment before.
const MAX_ATTEMPTS: usize = 3;

/// Ticks of `/proc/PID/stat` in a second: the same for user space on every machine that we know.
pub(crate) const TICKS_PER_SEC: u64 = 100;

/// Major and minor number of a device, and a file on it.
type Inode = ((u32, u32), u64);

type Found = (Vec<Stale>, Looked, Vec<Unseen>);

/// Every process below `proc`.
pub(super) fn processes(proc: &Path) -> Result<Found, RunningError> {
    let unreadable = |error| RunningError::Unreadable {
        path: proc.to_owned(),
        error,
    };
    let mut pids = Vec::new();
    for entry in fs::read_dir(proc).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        // ok: because what is no number is no process
        if let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) {
            pids.push(pid);
        }
    }
    if pids.is_empty() {
        return Err(RunningError::NoProcesses(proc.to_owned()));
    }
    pids.sort_unstable();
    let others_hidden = !pids.contains(&1);
    let beyond_limit = pids.len().saturating_sub(MAX_PROCESSES) as u64;
    pids.truncate(MAX_PROCESSES);
    let (stale, looked, unseen) = these(proc, &pids)?;
    Ok((
        stale,
        Looked {
            beyond_limit,
            others_hidden,
            ..looked
        },
        unseen,
    ))
}

/// The processes `pids` below `proc`.
pub(super) fn these(proc: &Path, pids: &[u32]) -> Result<Found, RunningError> {
    let path = proc.join("stat");
    let stat = fs::read(&path).map_err(|error| RunningError::Unreadable {
        path: path.clone(),
        error,
    })?;
    let boot_secs =
        maps::boot_secs(&stat).map_err(|error| RunningError::NotUnderstood { path, error })?;
    let places = Places::new(proc).map_err(|error| RunningError::Unreadable {
        path: proc.join("self/ns/mnt"),
        error,
    })?;
    let mut look = Look {
        boot_secs,
        places,
        builds: BTreeMap::new(),
        stale: Vec::new(),
        looked: Looked::default(),
        unseen: Vec::new(),
    };
    for pid in pids {
        look.places.hear(&proc.join(pid.to_string()));
    }
    for pid in pids {
        look.process(*pid, &proc.join(pid.to_string()));
    }
    Ok((look.stale, look.looked, look.unseen))
}

struct Look {
    boot_secs: u64,
    places: Places,
    /// Build-ids of files on disk, by device and inode.
    builds: BTreeMap<Inode, Build>,
    stale: Vec<Stale>,
    looked: Looked,
    unseen: Vec<Unseen>,
}

/// One process while it is judged.
struct Process<'a> {
    pid: u32,
    folder: &'a Path,
    stat: Stat,
    place: Place,
    started_ms: u64,
}

/// What was found of one file of a process.
enum Judged {
    Runs,
    Refuted,
    Stale(Name, How),
    Unseen(String),
}

impl Look {
    fn process(&mut self, pid: u32, folder: &Path) {
        let mut name = String::new();
        match self.judge_process(pid, folder, &mut name) {
            Ok(()) => {}
            Err(error) if gone(&error) => self.looked.vanished += 1,
            Err(error) => {
                let why = error.to_string();
                self.unseen.push(Unseen {
                    pid,
                    process: name,
                    path: None,
                    why,
                });
            }
        }
    }

    fn judge_process(&mut self, pid: u32, folder: &Path, name: &mut String) -> io::Result<()> {
        let stat = maps::read_stat(&fs::read(folder.join("stat"))?).map_err(io::Error::other)?;
        name.clone_from(&stat.name);
        if stat.kernel_thread {
            self.looked.kernel_threads += 1;
            return Ok(());
        }
        if matches!(stat.state, b'Z' | b'X') {
            self.looked.zombies += 1;
            return Ok(());
        }
        let bytes = read_maps(&folder.join("maps"))?;
        let mut mappings = maps::executable_mappings(&bytes).map_err(io::Error::other)?;
        if bytes.is_empty() {
            self.looked.vanished += 1; // it ended between its two files
            return Ok(());
        }
        let place = self.places.of(folder)?;
        let since_boot_ms = stat.start_ticks.saturating_mul(1000) / TICKS_PER_SEC;
        let started_ms = self
            .boot_secs
            .saturating_mul(1000)
            .saturating_add(since_boot_ms);
        let process = Process {
            pid,
            folder,
            stat,
            place,
            started_ms,
        };
        let (stale_before, unseen_before, looked_before) =
            (self.stale.len(), self.unseen.len(), self.looked);
        for _ in 0..MAX_ATTEMPTS {
            self.mappings(&process, &mappings);
            self.moved_aside(&process, &bytes);
            if (self.stale.len(), self.unseen.len()) == (stale_before, unseen_before) {
                break;
            }
            // An accusation must be of what is still mapped: a process may run another program
            // meanwhile, or end, and another take its number.
            let now = read_maps(&folder.join("maps"))
                .and_then(|bytes| maps::executable_mappings(&bytes).map_err(io::Error::other));
            let still =
                maps::read_stat(&fs::read(folder.join("stat"))?).map_err(io::Error::other)?;
            if still.start_ticks == process.stat.start_ticks
                && now.as_ref().is_ok_and(|now| *now == mappings)
            {
                break;
            }
            self.stale.truncate(stale_before);
            self.unseen.truncate(unseen_before);
            self.looked = looked_before;
            if still.start_ticks != process.stat.start_ticks || matches!(still.state, b'Z' | b'X') {
                self.looked.vanished += 1;
                return Ok(());
            }
            mappings = now?;
        }
        self.looked.processes += 1;
        Ok(())
    }

    fn mappings(&mut self, process: &Process<'_>, mappings: &[Mapping]) {
        let mut files: BTreeMap<(Inode, Vec<u8>), Mapping> = BTreeMap::new();
        for mapping in mappings {
            if maps::made_at_run_time(&mapping.name) {
                self.looked.made_at_run_time += 1;
                continue;
            }
            // A file's first executable part; the same library twice is one file.
            let key = ((mapping.device, mapping.inode), mapping.name.clone());
            let first = files.entry(key).or_insert_with(|| mapping.clone());
            if mapping.offset < first.offset {
                first.clone_from(mapping);
            }
        }
        for mapping in files.into_values() {
            self.looked.files += 1;
            match self.judge(process, &mapping) {
                Judged::Runs => {}
                Judged::Refuted => self.looked.refuted += 1,
                Judged::Stale(name, how) => self.stale.push(Stale {
                    pid: process.pid,
                    process: process.stat.name.clone(),
                    started_secs: process.started_ms / 1000,
                    path: OsStr::from_bytes(process.place.within(&name.path).unwrap_or(&name.path))
                        .into(),
                    root: process.place.root.clone(),
                    how,
                }),
                Judged::Unseen(why) => self.unseen.push(Unseen {
                    pid: process.pid,
                    process: process.stat.name.clone(),
                    path: Some(OsStr::from_bytes(&mapping.name).into()),
                    why,
                }),
            }
        }
    }

    /// Libraries that are still where `maps` calls them, and not where the loader found them.
    fn moved_aside(&mut self, process: &Process<'_>, maps: &[u8]) {
        let links = match loader::links(process.folder) {
            Ok(links) => links,
            Err(error) if gone(&error) => return,
            Err(error) => {
                return self.unseen.push(Unseen {
                    pid: process.pid,
                    process: process.stat.name.clone(),
                    path: None,
                    why: format!(
                        "by which names it loaded its libraries could not be asked: {error}"
                    ),
                });
            }
        };
        let mapped = maps::file_mappings(maps).unwrap_or_default(); // default: because it was understood before
        for link in links {
            if let Some(how) = Self::moved(process, &mapped, &link) {
                self.stale.push(Stale {
                    pid: process.pid,
                    process: process.stat.name.clone(),
                    started_secs: process.started_ms / 1000,
                    path: OsStr::from_bytes(&link.name).into(),
                    root: process.folder.join("root"),
                    how,
                });
            }
        }
    }

    fn moved(process: &Process<'_>, mapped: &[Mapping], link: &loader::Link) -> Option<How> {
        let mapping = mapped
            .iter()
            .find(|one| (one.start..one.end).contains(&link.dynamic))?;
        // What the process sees of itself is not what we see; a relative name is of where it began.
        let of_a_process = [&b"/proc/"[..], b"/dev/"];
        if !link.name.starts_with(b"/") || of_a_process.iter().any(|one| link.name.starts_with(one))
        {
            return None;
        }
        // Only where `maps` calls it by a name that leads to it: what else became of it is judged there.
        let place = &process.place;
        let at = place.within(&mapping.name)?;
        let own = place.of_the_loader(process.folder, at)?;
        let runs = place.look(at).ok().flatten()?; // ok: because then it is told of where it is mapped
        let found = own.look(&link.name).ok().flatten()?; // ok: likewise
        if runs.inode != mapping.inode || runs.is(&found) {
            return None;
        }
        Some(How::Replaced {
            runs: build_of(place.open(at, &runs)),
            on_disk: build_of(own.open(&link.name, &found)),
        })
    }

    fn judge(&mut self, process: &Process<'_>, mapping: &Mapping) -> Judged {
        let mut at_name = None;
        for name in maps::names(&mapping.name) {
            let Some(path) = process.place.within(&name.path) else {
                return Judged::Unseen(
                    "its name is outside of the root that can be reached".into(),
                );
            };
            match process.place.look(path) {
                Err(error) => return Judged::Unseen(error.to_string()),
                Ok(Some(found))
                    if found.device == mapping.device && found.inode == mapping.inode =>
                {
                    return self.unchanged(process, mapping, name, &found);
                }
                Ok(found) => {
                    at_name.get_or_insert((name, found));
                }
            }
        }
        let Some((name, found)) = at_name else {
            return Judged::Unseen("it has no name".into());
        };
        let path = process.place.within(&name.path).unwrap_or(&name.path);
        match found {
            None if name.marked => Judged::Stale(name, How::Deleted),
            None => Judged::Unseen(
                "its name leads nowhere in its root: another mount may lie over it".into(),
            ),
            Some(found) => match mapped_identity(process, mapping) {
                // Overlays and btrfs show one device in maps and another to who asks.
                Ok(mapped) if mapped.is(&found) => self.unchanged(process, mapping, name, &found),
                Err(_) if !name.marked && found.inode == mapping.inode => {
                    self.unchanged(process, mapping, name, &found)
                }
                Err(error) if !name.marked => Judged::Unseen(format!(
                    "another inode has its name, and whether it is another file could not be asked: {error}"
                )),
                // A file of which another took the name is marked by the kernel. In another namespace what
                // is not marked was of a root that the process has left: the name is another file's.
                Ok(_) if !name.marked && !process.place.is_ours() => Judged::Unseen(
                    "its name leads to another file, and it was not replaced: it may be of a root that the process left".into(),
                ),
                Ok(_) | Err(_) => {
                    let runs = build_of(map_file(process, mapping));
                    let on_disk = self.build_on_disk(process, path, &found);
                    Judged::Stale(name, How::Replaced { runs, on_disk })
                }
            },
        }
    }

    /// The same file as when it was mapped; its content may be another.
    fn unchanged(
        &mut self,
        process: &Process<'_>,
        mapping: &Mapping,
        name: Name,
        found: &Identity,
    ) -> Judged {
        // `btime` is rounded down, so a start is never later than it was: no change is missed.
        if found.changed_ms <= i64::try_from(process.started_ms).unwrap_or(i64::MAX) {
            return Judged::Runs;
        }
        let path = process.place.within(&name.path).unwrap_or(&name.path);
        let asked = process
            .place
            .open(path, found)
            .map_err(|error| error.to_string());
        match asked.and_then(|file| overwritten(process, mapping, &Pieces(file))) {
            Ok(None) => Judged::Refuted,
            Ok(Some(evidence)) => {
                let on_disk = self.build_on_disk(process, path, found);
                Judged::Stale(name, How::Overwritten { evidence, on_disk })
            }
            Err(why) => Judged::Stale(name, How::Suspected { why }),
        }
    }

    fn build_on_disk(&mut self, process: &Process<'_>, path: &[u8], found: &Identity) -> Build {
        let key = (found.device, found.inode);
        let read = || build_of(process.place.open(path, found));
        self.builds.entry(key).or_insert_with(read).clone()
    }
}

/// What proves that the image in memory was not made from the file on disk; none if it was. See
/// [`elf`].
fn overwritten(
    process: &Process<'_>,
    mapping: &Mapping,
    file: &Pieces,
) -> Result<Option<String>, String> {
    let said = |error: ElfError| format!("it cannot be compared with memory: {error}");
    let image = elf::read_elf(file).map_err(said)?;
    if !image.has_code() {
        return Err("it has no executable part any more".into());
    }
    let Some(base) = image.base(mapping.start, mapping.offset) else {
        return Ok(Some(format!(
            "no executable part of the file begins at {:#x}, from where one is mapped",
            mapping.offset
        )));
    };
    let words = telling(image.words(file).map_err(said)?, base);
    let dynamic = image.dynamic(file).map_err(said)?;
    let Some((from, len)) = image.read_only_after().filter(|_| !words.is_empty()) else {
        return Err("the loader left no word in it by which to tell".into());
    };
    let unread = |why: String| format!("memory of the process could not be read: {why}");
    let memory =
        File::open(process.folder.join("mem")).map_err(|error| unread(error.to_string()))?;
    let len =
        usize::try_from(len.min(MAX_MEMORY_BYTES)).map_err(|error| unread(error.to_string()))?;
    let bytes = Pieces(memory)
        .at(base.wrapping_add(from), len)
        .ok_or_else(|| unread("it ends before its file does".into()))?;
    compare(&words, &dynamic, base, &Memory { from, bytes })
}

/// A piece of an image.
struct Memory {
    /// Where it begins, from the image's base.
    from: u64,
    bytes: Vec<u8>,
}

impl Memory {
    fn word(&self, at: u64) -> Option<u64> {
        let word = self.bytes.at(at.checked_sub(self.from)?, 8)?;
        Some(u64::from_le_bytes(word.try_into().ok()?)) // ok: because it has eight bytes
    }
}

/// What the loader wrote differs from what the file holds there. A word that is the same proves
/// nothing: a page that shows the new file would hold it as well.
fn telling(mut words: Vec<Word>, base: u64) -> Vec<Word> {
    words.retain(|word| base.wrapping_add(word.value) != word.raw);
    words
}

fn compare(
    words: &[Word],
    dynamic: &[(u64, u64, u64)],
    base: u64,
    memory: &Memory,
) -> Result<Option<String>, String> {
    let compared = words
        .iter()
        .filter_map(|word| Some((word, memory.word(word.at)?)));
    let alike: Vec<bool> = compared
        .map(|(word, found)| found == base.wrapping_add(word.value))
        .collect();
    if alike.is_empty() {
        return Err("the loader left no word in it by which to tell".into());
    }
    let unlike = alike.iter().filter(|alike| !**alike).count();
    if unlike > 0 {
        let of = alike.len();
        return Ok(Some(format!(
            "{unlike} of {of} words in memory are not what the file's relocations make"
        )));
    }
    for (at, tag, value) in dynamic {
        let (Some(found_tag), Some(found)) = (memory.word(*at), memory.word(at.wrapping_add(8)))
        else {
            continue;
        };
        if found_tag != *tag || found != *value && found != base.wrapping_add(*value) {
            return Ok(Some(format!(
                "the dynamic section in memory has {found_tag}: {found:#x} where the file has {tag}: {value:#x}"
            )));
        }
    }
    Ok(None)
}

fn map_file(process: &Process<'_>, mapping: &Mapping) -> io::Result<File> {
    File::open(map_file_path(process, mapping))
}

fn map_file_path(process: &Process<'_>, mapping: &Mapping) -> PathBuf {
    process
        .folder
        .join(format!("map_files/{:x}-{:x}", mapping.start, mapping.end))
}

fn mapped_identity(process: &Process<'_>, mapping: &Mapping) -> io::Result<Identity> {
    fs::metadata(map_file_path(process, mapping)).map(|metadata| Identity::of(&metadata))
}

fn build_of(file: io::Result<File>) -> Build {
    let file = match file {
        Ok(file) => Pieces(file),
        Err(error) => return Build::Unread(error.to_string()),
    };
    match elf::read_elf(&file).and_then(|image| elf::build_id(&file, &image)) {
        Ok(Some(id)) => Build::Id(id),
        Ok(None) => Build::Without,
        Err(error) => Build::Unread(error.to_string()),
    }
}

fn read_maps(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    let read = File::open(path)?
        .take(MAX_MAPS_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if read as u64 > MAX_MAPS_BYTES {
        return Err(io::Error::other(format!(
            "expected at most {MAX_MAPS_BYTES} bytes of maps"
        )));
    }
    Ok(bytes)
}

/// `ESRCH` is what files of a process say that has ended.
fn gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_the_file_holds_as_well_proves_nothing() {
        let word = |at, value, raw| Word { at, value, raw };
        let words = vec![word(0, 0x10, 0x10), word(8, 0x10, 0)];
        assert_eq!(
            telling(words.clone(), 0),
            [word(8, 0x10, 0)],
            "an image at its own address"
        );
        assert_eq!(telling(words.clone(), 0x1000), words);
        let of = |words: &[u64]| Memory {
            from: 0,
            bytes: words.iter().flat_map(|word| word.to_le_bytes()).collect(),
        };
        let memory = of(&[0x1010, 0x1010, 13, 0x20]);
        assert_eq!(
            compare(&words, &[(16, 13, 0x20)], 0x1000, &memory),
            Ok(None)
        );
        let told = |dynamic: &[_], base| compare(&words, dynamic, base, &memory).unwrap().unwrap();
        assert!(told(&[], 0x2000).starts_with("2 of 2 words"));
        assert!(
            told(&[(16, 13, 0x30)], 0x1000).ends_with("has 13: 0x20 where the file has 13: 0x30")
        );
        assert!(
            compare(&words, &[], 0x1000, &of(&[])).is_err(),
            "nothing compared is no proof"
        );
    }
}
