//! Sigma rules, filters and correlations: read with the line of every mistake, routed by logsource,
//! matched through one index, explained.
//!
//! Engines make one choose between right and fast. Without logsources a third of the matches are
//! wrong; with one logsource an event a sixth of the official cases is lost, because a Sysmon 13 is
//! `registry_set` and `registry_event`; with logsources as conditions of rules it is slow. Here an
//! event has a *set* of logsources ([`Event::sources`]), which selects the rules before anything
//! is compared; then each field is walked once, through an index that all rules share; then only
//! rules of which something rare was found are evaluated, over bits. What cannot be evaluated is
//! refused with file, line and reason ([`Refused`]), what cannot fire here says why ([`CanFire`]),
//! and [`explain`] shows the values that decided.
//!
//! It is a pure function of its arguments: no I/O, no clock, no panic on any bytes, and regular
//! expressions are linear in time.
//!
//! ```
//! use sigma::{Engine, Event, RuleSet, Scratch};
//!
//! let loaded = RuleSet::load([("whoami.yml", "
//! title: Whoami
//! logsource: { product: windows, category: process_creation }
//! detection:
//!     selection:
//!         Image|endswith: '\\whoami.exe'
//!     condition: selection
//! ")]);
//! assert_eq!(loaded.refused, []);
//! let engine = Engine::new(&loaded.set);
//! let (mut event, mut scratch, mut found) = (Event::new(), Scratch::new(), Vec::new());
//! event.read_json(br#"{"Event": {
//!     "System": {"Channel": "Security", "EventID": 4688},
//!     "EventData": {"NewProcessName": "C:\\Windows\\System32\\WHOAMI.EXE"}
//! }}"#)?;
//! engine.matches(&event, &mut scratch, |rule| found.push(rule));
//! assert_eq!(found, [0]);
//! # Ok::<(), sigma::JsonError>(())
//! ```
//!
//! # Why its own parser
//!
//! `rsigma-parser` (MIT, 0.23) reads all of `SigmaHQ`'s rules, and was read before this was written. It
//! was not taken because its errors have a line only inside of conditions, which are one line each;
//! because it brings some sixty packages, C sources among them (`tree-sitter`, `libyaml`), for edits
//! and lints that are not needed here; and because newer versions want a newer compiler. This
//! parser is on `saphyr-parser` (MIT or Apache-2.0), which is kept, pure Rust, two packages, and
//! gives the place of every scalar.
//!
//! # Where the specification leaves a choice
//!
//! - Version 2.1.0 is followed; from before it `action` documents and aggregations behind `|` are
//!   refused. Later proposals that are in: conditions over rule names in temporal correlations, with
//!   absence below `not`, and `value_median`.
//! - A filter's condition is joined to the rule's by *and*, as pySigma and others do: to leave
//!   something out it says `not selection`. One without any `not` is noted in [`Loaded::notes`].
//! - `neq` holds if none of the values is the field's; so it holds for an absent field.
//! - A rule with a placeholder that has no values is loaded, listed and not evaluated.
//! - Scalars are YAML 1.2: `yes` is text. A plain number matches as number and as it is spelled.
//! - Field names are compared exactly, values without case unless `cased`; `re` is with case.
#![warn(missing_docs)]

mod correlate;
mod coverage;
mod engine;
mod error;
mod event;
mod explain;
mod index;
mod intern;
mod json;
mod network;
mod number;
mod pattern;
mod program;
mod read;
mod regexes;
mod rule;
mod scratch;
mod set;
mod stamp;
mod test;
mod windows;
mod yaml;

pub use correlate::{Correlated, Correlator, Limits, Lost, Windows};
pub use coverage::{CanFire, Coverage};
pub use engine::Engine;
pub use error::{Reason, Refused};
pub use event::{Event, Fields, Kind, MAX_VALUES};
pub use explain::{Explained, Explanation, MAX_SHOWN_VALUES, explain};
pub use json::{JsonError, MAX_JSON_BYTES, MAX_JSON_NESTING};
pub use number::Number;
pub use pattern::{Pattern, Token};
pub use read::{
    MAX_FILLED, MAX_TEXT_BYTES,
    condition::{MAX_CONDITION_BYTES, MAX_NESTING},
    correlation::{MAX_CORRELATED, MAX_COUNT, MAX_TIMESPAN_DAYS},
    encode::MAX_DASHES,
    item::MAX_VALUES as MAX_RULE_VALUES,
    meta::MAX_TITLE_CHARS,
};
pub use regexes::MAX_REGEX_BYTES;
pub use rule::{
    Aggregate, Bound, Compare, Condition, Correlation, CorrelationKind, Filter, Item, Level,
    LogSource, Meta, Named, Network, Order, Regex, Relation, Rule, Search, Status, Test, Together,
};
pub use scratch::Scratch;
pub use set::{Bound as BoundTo, Loaded, RuleSet};
pub use stamp::Part;
pub use yaml::{MAX_DEPTH, MAX_NODES};
