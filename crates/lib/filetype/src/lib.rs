//! What a file is, by its content, and what lies inside it.
//!
//! "The scanner would have blocked the entire message due to its attachment name even though it did not know
//! about this particular variant." A gate that opens one zip, or trusts the name, lets the executable in the
//! next wrapping through. So containers are opened one within the other, what nobody knows is searched for
//! executables, and what could not be looked into is told with its [`Reason`]: it is never clean. One
//! [`Budget`] bounds the work for a whole message.
//!
//! ```
//! let mut budget = filetype::Budget::new(filetype::Limits::default());
//! let part = filetype::inspect("run.txt", b"#!/bin/sh\nexit 0\n", &mut budget);
//! let found: Vec<String> = part.executables().map(|found| found.to_string()).collect();
//! assert_eq!(found, ["run.txt (shell script)"]);
//! ```
#![warn(missing_docs)]

mod budget;
mod bytes;
mod carve;
mod kind;
mod open;
mod part;

pub use budget::{Budget, Limit, Limits, STEP_BYTES};
pub use kind::{Class, Type, type_of, type_of_name};
pub use part::{Found, How, Part, Reason, Walk};

/// Looks at a file and at everything inside it. `name` may be empty.
pub fn inspect(name: &str, bytes: &[u8], budget: &mut Budget) -> Part {
    inspect_with(name, bytes, budget, &mut |_, _| {})
}

/// As [`inspect`]; `visit` gets every part's type and bytes once they are out, for whoever looks for more in them.
pub fn inspect_with(
    name: &str,
    bytes: &[u8],
    budget: &mut Budget,
    visit: &mut dyn FnMut(Type, &[u8]),
) -> Part {
    budget.came_in(bytes.len());
    let mut opener = open::Opener {
        budget,
        depth: 0,
        visit,
    };
    let names = if name.is_empty() {
        Vec::new()
    } else {
        vec![name.to_owned()]
    };
    opener.look(names, How::Given, bytes, None)
}
