//! What more than one measurement needs.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a measurement, not a product"
)]

pub mod up;
