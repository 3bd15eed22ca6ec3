pub(crate) fn hold(_: &std::path::Path) {}
