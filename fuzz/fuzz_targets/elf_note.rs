#![no_main]

use cordon_patch_edge::running::elf;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = elf::read_elf(bytes) {
        drop(elf::build_id(bytes, &image));
        drop(image.dynamic(bytes));
        image.base(0x7f00_0000_0000, 0x1000);
        let words = image.words(bytes).unwrap_or_default();
        assert!(words.len() <= 2 * elf::MAX_WORDS + 64);
    }
});
