#![no_main]

use cordon_patch_edge::apply;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(plan) = apply::read_plan(bytes) {
        for host in &plan.hosts {
            let Ok(job) = apply::Job::of(host.kind, &host.steps) else {
                continue;
            };
            let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./:=+~^".contains(c);
            for word in job
                .calls
                .iter()
                .chain(&job.undo)
                .flat_map(|call| &call.words)
            {
                assert!(word.chars().all(harmless), "{word:?}");
            }
        }
    }
    let text = String::from_utf8_lossy(bytes);
    if let Ok(rows) = cordon_patch::plan::read_reachable(&text) {
        assert!(
            rows.iter()
                .all(|row| row.port > 0 && !row.package.is_empty())
        );
    }
    apply::read_vitals(bytes);
    drop(apply::answer(&apply::Job::default(), bytes));
});
