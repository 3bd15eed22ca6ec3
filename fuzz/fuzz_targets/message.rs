#![no_main]

use cordon_logs_edge::{
    decode::decode,
    spool::segment::{Kind, Record},
};

libfuzzer_sys::fuzz_target!(|content: &[u8]| {
    for kind in [Kind::Datagram, Kind::Stream, Kind::Beats, Kind::Json] {
        let heard = decode(&Record {
            seq: 1,
            at: cordon_model::Time::from_millis(1_700_000_000_000),
            kind,
            listener: "x",
            peer: [127, 0, 0, 1].into(),
            over: 0,
            content,
        });
        assert!(format!("x/{}", heard.sender).parse::<cordon_model::SourceName>().is_ok());
    }
});
