pub(crate) fn read(_: crate::Format, _: &mut crate::input::Input<'_>, _: &mut crate::out::Out<'_>) {}
