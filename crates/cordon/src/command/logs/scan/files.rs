//! Files of a scan, read by several threads and handed back in their order.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::UNIX_EPOCH,
};

use records::{Options, Place, ReadError, Record, Report, Sink, Source};
use sigma::{Coverage, Event, Fields, LogSource, Scratch};

use super::turn::{Release, Turn};
use super::{super::super::Stop, correlate::Part, hit::Hit, passed::Failed, rules::Rules};
use crate::fault::{self, Fault};

/// Most folders within folders.
const MAX_DEPTH: usize = 32;

/// Most files of one call.
const MAX_FILES: usize = 1_000_000;

/// Files that are read and wait for their turn to be told, for each thread.
const MAX_WAITING: usize = 4;

/// Matches of a file that wait for its turn; a file with more waits itself, and hands them over as they come.
const MAX_KEPT: usize = 4_096;

/// A file to be read.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) path: PathBuf,
    /// The folder that was named and that it was found below, unless it was named itself.
    below: Option<Arc<Path>>,
}

impl Input {
    /// Its path below the folder that was named.
    pub(super) fn name(&self) -> String {
        let root = self.below.as_deref();
        let name = root.and_then(|root| self.path.strip_prefix(root).ok()); // ok: because then the whole path is its name
        name.unwrap_or(&self.path).display().to_string()
    }
}

/// Files, and what could not be looked at.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: Vec<Input>,
    pub(super) problems: Vec<(PathBuf, String)>,
}

/// Every file below `paths`.
pub(super) fn find(paths: &[PathBuf]) -> Result<Found, Fault> {
    let mut found = Found::default();
    for path in paths {
        let about = fs::metadata(path)
            .map_err(|error| Fault::new(&fault::LOG_UNREADABLE, error).at(path.display()))?;
        if about.is_dir() {
            below(path, 0, &Arc::from(path.as_path()), &mut found);
        } else {
            found.files.push(Input {
                path: path.clone(),
                below: None,
            });
        }
    }
    Ok(found)
}

fn below(path: &Path, depth: usize, root: &Arc<Path>, found: &mut Found) {
    let lost = |found: &mut Found, why: String| found.problems.push((path.to_owned(), why));
    if depth > MAX_DEPTH {
        return lost(
            found,
            format!("more than {MAX_DEPTH} folders in each other"),
        );
    }
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => return lost(found, error.to_string()),
    };
    let mut all = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => all.push(entry.path()),
            Err(error) => lost(found, error.to_string()),
        }
    }
    all.sort();
    for one in all {
        if found.files.len() >= MAX_FILES {
            return lost(found, format!("more than {MAX_FILES} files"));
        }
        // A link to a folder is not followed: it may lead to where we came from.
        let is_link = fs::symlink_metadata(&one).is_ok_and(|about| about.is_symlink());
        match fs::metadata(&one) {
            Ok(about) if about.is_dir() && !is_link => below(&one, depth + 1, root, found),
            Ok(about) if about.is_file() => found.files.push(Input {
                path: one,
                below: Some(Arc::clone(root)),
            }),
            Ok(_) => {}
            Err(error) => found.problems.push((one, error.to_string())),
        }
    }
}

/// How events are taken.
#[derive(Debug, Clone)]
pub(super) struct Read {
    /// What a person says that they are of.
    own: Option<LogSource>,
}

impl Read {
    pub(super) fn new(product: &str, category: &str, service: &str) -> Self {
        let own = LogSource::new(product, category, service);
        Self {
            own: (own != LogSource::default()).then_some(own),
        }
    }

    /// What an event is of: its own word, and the person's where it lacks one.
    fn sources(&self, of: Source) -> Arc<Vec<LogSource>> {
        let said = LogSource::new(of.product, of.category, of.service);
        let all = match &self.own {
            None => vec![said],
            Some(own) => {
                let both = LogSource {
                    product: said.product.clone().or_else(|| own.product.clone()),
                    category: said.category.clone().or_else(|| own.category.clone()),
                    service: said.service.clone().or_else(|| own.service.clone()),
                };
                vec![said, own.clone(), both]
            }
        };
        Arc::new(all)
    }
}

/// What is handed over.
#[derive(Debug)]
pub(super) enum Handed {
    /// Matches of a file that is still read.
    More(Vec<Hit>, Vec<Part>),
    /// A file, with the rest of its matches.
    Done(Box<Scanned>),
}

/// What one file came to.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) input: Input,
    pub(super) result: Result<Good, Failed>,
}

impl Scanned {
    /// Whether there is something to tell of it at once.
    pub(super) fn speaks(&self) -> bool {
        match &self.result {
            Ok(good) => {
                let lost = good
                    .report
                    .as_ref()
                    .is_some_and(|report| !report.lost.is_empty());
                lost || !good.hits.is_empty()
            }
            Err(Failed::Unread(_)) => true,
            Err(Failed::NoLog | Failed::Empty) => false,
        }
    }
}

/// A file that could be read.
#[derive(Debug, Default)]
pub(super) struct Good {
    pub(super) hits: Vec<Hit>,
    pub(super) parts: Vec<Part>,
    pub(super) report: Option<Report>,
    pub(super) coverage: Option<Coverage>,
}

/// Reads every file, and hands each back in its order.
pub(super) fn scan(
    files: &[Input],
    rules: &Rules,
    read: &Read,
    jobs: Option<usize>,
    each: &mut dyn FnMut(Handed) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let here = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let jobs = jobs.unwrap_or(here).min(files.len()).max(1);
    let (next, turn) = (AtomicUsize::new(0), Turn::default());
    let (send, results) = sync_channel(jobs * MAX_WAITING);
    thread::scope(|scope| {
        let _at_the_end = Release {
            turn: &turn,
            only_in_panic: false,
        };
        for _ in 0..jobs {
            let (send, next, turn) = (send.clone(), &next, &turn);
            scope.spawn(move || {
                let _others = Release {
                    turn,
                    only_in_panic: true,
                };
                let mut worker = Worker::new(rules, read);
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(input) = files.get(at) else { return };
                    turn.wait(at, jobs * MAX_WAITING);
                    let result = worker.file(input, &mut |more| hand(turn, &send, at, more));
                    let scanned = Scanned {
                        input: input.clone(),
                        result,
                    };
                    if send.send((at, Handed::Done(Box::new(scanned)))).is_err() {
                        return; // because nobody listens any more
                    }
                }
            });
        }
        drop(send);
        let (mut waiting, mut due) = (BTreeMap::new(), 0);
        for (at, handed) in results {
            if let Handed::More(..) = handed {
                each(handed)?; // only the file whose turn it is hands over early
                continue;
            }
            waiting.insert(at, handed);
            while let Some(handed) = waiting.remove(&due) {
                due += 1;
                each(handed)?;
                turn.pass(due);
            }
        }
        Ok(())
    })
}

/// Hands over what a file has so far, when it is its turn.
fn hand(turn: &Turn, send: &SyncSender<(usize, Handed)>, at: usize, good: &mut Good) {
    turn.wait(at, 0);
    let more = Handed::More(
        std::mem::take(&mut good.hits),
        std::mem::take(&mut good.parts),
    );
    drop(send.send((at, more))); // because when nobody listens nothing is told
}

/// What a thread uses again from one event to the next.
struct Worker<'r> {
    rules: &'r Rules,
    read: &'r Read,
    event: Event,
    scratch: Scratch,
    sources: BTreeMap<Source, Arc<Vec<LogSource>>>,
}

impl<'r> Worker<'r> {
    fn new(rules: &'r Rules, read: &'r Read) -> Self {
        Self {
            rules,
            read,
            event: Event::new(),
            scratch: Scratch::new(),
            sources: BTreeMap::new(),
        }
    }

    /// Reads a file; `full` takes its matches when there are many.
    fn file(&mut self, input: &Input, full: &mut dyn FnMut(&mut Good)) -> Result<Good, Failed> {
        let mut good = Good {
            coverage: Some(self.rules.engine.coverage()),
            ..Good::default()
        };
        let shown = input.path.display().to_string();
        let report = self.events(&input.path, &mut |worker, record| {
            worker.one(&shown, record, &mut good);
            if good.hits.len() + good.parts.len() >= MAX_KEPT {
                full(&mut good);
            }
        });
        let report =
            report.map_err(|error| Failed::new(&input.path, input.below.is_some(), &error))?;
        good.report = Some(report);
        Ok(good)
    }

    fn events(
        &mut self,
        path: &Path,
        each: &mut dyn FnMut(&mut Self, &Record),
    ) -> Result<Report, ReadError> {
        let file = File::open(path).map_err(|error| ReadError::Unreadable(error.to_string()))?;
        let written = file.metadata().and_then(|about| about.modified());
        let written = written
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok()); // ok: because then dates without a year are not told
        let options = Options {
            around: written.and_then(|since| i64::try_from(since.as_millis()).ok()), // ok: likewise
            ..Options::default()
        };
        let name = path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into());
        records::read(&name, file, &options, &mut |record| each(self, record))
    }

    fn one(&mut self, file: &str, record: &Record, good: &mut Good) {
        self.fill(record);
        let Self {
            rules,
            event,
            scratch,
            ..
        } = self;
        if let Some(coverage) = &mut good.coverage {
            rules.engine.saw(event, coverage);
        }
        let (hits, parts) = (&mut good.hits, &mut good.parts);
        rules.engine.matches(event, scratch, |rule| {
            if rules.told.get(rule) == Some(&true) {
                hits.push(Hit::new(rules, rule, file, record, event));
            }
            if rules.correlator.uses(rule) {
                parts.push(Part::new(rules, rule, file, record, event));
            }
        });
    }

    fn fill(&mut self, record: &Record) {
        let read = self.read;
        let sources = self.sources.entry(record.source);
        let sources = sources.or_insert_with(|| read.sources(record.source));
        self.event.set_sources(Arc::clone(sources));
        self.event.fill(|fields| record.give(&mut Into { fields }));
    }
}

/// One event of a file, as the engine sees it: the first, or the one with this number.
pub(super) fn one_event(
    path: &Path,
    number: Option<u64>,
    rules: &Rules,
    read: &Read,
) -> Result<Option<Event>, ReadError> {
    let mut worker = Worker::new(rules, read);
    let mut found = None;
    worker.events(path, &mut |worker, record| {
        let fits = match (number, record.place) {
            (None, _) => true,
            (Some(wanted), Place::Line(number) | Place::Record(number) | Place::Byte(number)) => {
                wanted == number
            }
            (Some(_), Place::File | Place::Chunk(_)) => false,
        };
        if found.is_none() && fits {
            worker.fill(record);
            found = Some(worker.event.clone());
        }
    })?;
    Ok(found)
}

/// From the reader's fields to the engine's.
struct Into<'f, 'e> {
    fields: &'f mut Fields<'e>,
}

impl Sink for Into<'_, '_> {
    fn text(&mut self, name: &str, value: &str) {
        self.fields.text(name, value);
    }

    fn number(&mut self, name: &str, value: &str) {
        self.fields.number(name, value);
    }

    fn bool(&mut self, name: &str, value: bool) {
        self.fields.bool(name, value);
    }

    fn null(&mut self, name: &str) {
        self.fields.null(name);
    }
}
