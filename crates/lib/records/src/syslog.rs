pub(crate) fn is_line(_: &str) -> bool { false }
