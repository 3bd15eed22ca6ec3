//! Bytes that nobody meant: each reader gives an account of them, and none panics.

use records::{Format, Options};

use crate::{
    corpus::{AROUND, packed},
    forms,
};

/// Variants of each seed; more with `CORDON_FUZZ_VARIANTS`.
const VARIANTS: usize = 300;

const FORMATS: [Format; 14] = [
    Format::Evtx,
    Format::Json,
    Format::Xml,
    Format::Audit,
    Format::Journal,
    Format::Syslog,
    Format::Cef,
    Format::Leef,
    Format::W3c,
    Format::Zeek,
    Format::Csv,
    Format::Web,
    Format::Pairs,
    Format::Text,
];

fn seeds() -> Vec<(Format, Vec<u8>)> {
    let text = |format, text: &str| (format, text.as_bytes().to_vec());
    let mut seeds = vec![
        text(
            Format::Json,
            "{\"Event\":{\"System\":{\"EventID\":1},\"EventData\":{\"Data\":[{\"@Name\":\"a\",\"#text\":\"b\"}]}}}\n[{\"a\":[1,{\"b\":null}]},{}]\n{\"Records\":[{\"x\":1}]}",
        ),
        text(Format::Xml, forms::XML),
        text(Format::Audit, forms::AUDIT),
        (Format::Journal, forms::JOURNAL.to_vec()),
        text(
            Format::Syslog,
            "<34>1 2026-11-25T03:12:11Z mx1 su 7 - [a@1 b=\"c\"] x\nNov 25 03:12:09 mx1 a[7]: CEF:0|a|b|c|d|e|f|g=h\n<1>Nov 25 03:12:09 x: LEEF:2.0|a|b|c|d|^|g=h^i=j\n<1>Nov 25 03:12:09 x y: type=PATH msg=audit(1.2:3): name=2F\n",
        ),
        text(
            Format::W3c,
            "#Software: x\n#Fields: date time cs-uri\n2026-11-25 03:12:09 /a\n",
        ),
        text(
            Format::Zeek,
            "#separator \\x09\n#path\tconn\n#fields\tts\tuid\n1764039600.5\tx\n",
        ),
        text(Format::Csv, "a,b\n\"1\"\"\",2\n"),
        text(
            Format::Web,
            "1.2.3.4 - - [10/Oct/2026:13:55:36 -0700] \"GET /a?b HTTP/1.1\" 200 1 \"-\" \"x\"\n",
        ),
    ];
    if let Ok(files) = packed("evtx_attack_samples.tar.xz", ".evtx") {
        let mut small: Vec<_> = files.into_iter().map(|(_, bytes)| bytes).collect();
        small.sort_by_key(Vec::len);
        seeds.extend(small.into_iter().take(4).map(|bytes| (Format::Evtx, bytes)));
    }
    seeds
}

fn read(format: Option<Format>, bytes: &[u8]) {
    let options = Options {
        around: Some(AROUND),
        minutes_east: 60,
        format,
    };
    let mut events = 0;
    let report = records::read("x", bytes, &options, &mut |record| {
        events += 1;
        assert!(record.fields().count() <= records::MAX_FIELDS);
    });
    if let Ok(report) = report {
        assert_eq!(report.events, events);
    }
}

#[test]
fn no_bytes_make_a_reader_panic() {
    let variants = std::env::var("CORDON_FUZZ_VARIANTS").ok(); // ok: because it is for long runs by hand
    let variants = variants.map_or(VARIANTS, |text| text.parse().unwrap());
    let mut seed: u64 = 0x2004_0503;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below.max(1) as u64).unwrap()
    };
    for (format, bytes) in seeds() {
        for other in FORMATS {
            read(Some(other), &bytes);
        }
        // Each variant of a Windows log is a hundred times as long.
        let variants = if format == Format::Evtx {
            variants / 4
        } else {
            variants
        };
        for _ in 0..variants {
            let mut variant = bytes.clone();
            for _ in 0..=random(3) {
                let place = random(variant.len());
                match random(4) {
                    0 => variant.truncate(place),
                    1 => {
                        let (from, to) = (random(bytes.len()), random(bytes.len()));
                        let piece = &bytes[from.min(to)..from.max(to)];
                        variant.splice(place..place, piece.iter().copied());
                    }
                    2 if format == Format::Evtx && variant.len() > 9000 => {
                        // Among the records, where most is decided.
                        for _ in 0..8 {
                            let place = 4096 + random(8000.min(variant.len() - 4096));
                            variant[place] = u8::try_from(random(256)).unwrap();
                        }
                    }
                    _ => {
                        for byte in variant.iter_mut().skip(place).take(1 + random(4)) {
                            *byte = u8::try_from(random(256)).unwrap();
                        }
                    }
                }
            }
            read(Some(format), &variant);
            read(None, &variant);
        }
    }
}

/// Files that make a careless reader look at everything again for each line.
#[test]
fn what_is_made_to_take_for_ever_does_not() {
    let many = |line: &str| line.repeat((256 << 10) / line.len());
    for line in [
        " {\n",
        " {\"a\n",
        "{\"a\":\n",
        "<Event>\n",
        "a=\"b\n",
        "CEF:0|a|b|c|d|e|f|a=b \n",
        "\"a,\n",
    ] {
        let text = many(line);
        for format in [
            Format::Json,
            Format::Xml,
            Format::Syslog,
            Format::Pairs,
            Format::Cef,
            Format::Csv,
            Format::Audit,
        ] {
            read(Some(format), text.as_bytes());
        }
    }
}
