#![no_main]

use cordon_patch_edge::running::maps;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    drop(maps::read_stat(bytes));
    drop(maps::boot_secs(bytes));
    for mapping in maps::executable_mappings(bytes).unwrap_or_default() {
        assert!(mapping.start < mapping.end);
        let names = maps::names(&mapping.name);
        assert!(names.iter().any(|name| name.path == mapping.name));
        maps::made_at_run_time(&mapping.name);
    }
});
