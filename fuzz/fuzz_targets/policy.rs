#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let policy = cordon_model::Policy::new(text, 1);
    drop(cordon_engine::Engine::new("hub".into(), cordon::CONTROLS, &policy).map(|_| ()));
});
