#![no_main]

use cordon_patch_edge::running::loader;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (vector, memory) = bytes.split_at(bytes.len().min(64));
    let links = loader::listed(vector, memory);
    assert!(links.len() <= loader::MAX_LINKS);
    let fits = |link: &loader::Link| link.name.len() <= loader::MAX_NAME_BYTES + 256;
    assert!(links.iter().all(fits));
});
