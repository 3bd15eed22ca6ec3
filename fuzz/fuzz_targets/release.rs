#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _date = cordon_patch::read_release_date(bytes);
    let _size = cordon_patch::read_release_size(bytes, "main/binary-amd64/Packages");
});
