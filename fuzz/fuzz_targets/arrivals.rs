#![no_main]

use cordon_model::Time;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let around = Time::from_millis(1_790_000_000_000);
    drop(cordon::command::judge_log(bytes, around).unwrap());
});
