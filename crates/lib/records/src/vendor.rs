pub(crate) fn is_cef(_: &str) -> bool { false }
pub(crate) fn is_leef(_: &str) -> bool { false }
