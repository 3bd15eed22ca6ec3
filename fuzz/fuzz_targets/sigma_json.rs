#![no_main]

use sigma::Event;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (mut event, mut again) = (Event::new(), Event::new());
    let read = event.read_json(bytes);
    assert_eq!(read, again.read_json(bytes));
    assert_eq!(event.fields().collect::<Vec<_>>(), again.fields().collect::<Vec<_>>());
    if read.is_err() {
        assert_eq!(event.fields().count(), 0);
    }
    for (name, _, _) in again.fields() {
        assert!(event.get(name).next().is_some());
    }
    assert_eq!(event.sources(), again.sources());
});
