pub(crate) fn read(_: &mut crate::input::Input<'_>, _: &mut crate::out::Out<'_>) {}
