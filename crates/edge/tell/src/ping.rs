//! The ping to somebody outside, who notices when it no longer comes: the hub's own death is told by nobody else.

use crate::{Outside, TellError, web};

/// Asks for the address once.
pub fn ping(outside: &Outside) -> Result<(), TellError> {
    let answer = web::agent().get(&outside.ping).call();
    answer
        .map(drop)
        .map_err(|error| web::told(&outside.ping, &error))
}
