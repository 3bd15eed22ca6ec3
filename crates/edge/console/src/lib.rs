//! The first screen of the web console: what is wrong, what to do first, and whether the page can be
//! trusted.
//!
//! It only shows: nothing that arrives over HTTP changes anything. It listens on loopback alone, opens
//! with a link that works once, sends nothing that was not compiled in, and says on the page itself
//! when what it shows is old. 2004: the logs that told of the broken scanner were there, and no one had
//! looked; a page that nobody likes to open, or that stays green when nothing arrives, is the same.
#![expect(clippy::disallowed_methods, reason = "edge")]

mod answer;
mod assets;
mod board;
mod crowd;
mod fault;
mod gate;
mod page;
mod rows;
mod serve;
mod tabs;
mod view;
mod words;

pub use board::Board;
pub use fault::ConsoleError;
pub use page::{Account, Finding, Hub, Lamp, Moment, Page, Source, Todo};
pub use serve::{Console, Listening};
