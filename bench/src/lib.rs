//! What more than one measurement needs.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "a measurement, not a product"
)]

pub mod up;
