//! scratch
mod feed;
mod host;
mod inventory;
mod text;
mod value;
pub use feed::*;
pub use host::*;
pub use inventory::*;
pub use value::*;
