pub(crate) fn read(_: crate::Format, _: &str, _: &mut crate::input::Input<'_>, _: &mut crate::out::Out<'_>) {}
pub(crate) fn is_csv(_: &str, _: &str, _: Option<&str>) -> bool { false }
