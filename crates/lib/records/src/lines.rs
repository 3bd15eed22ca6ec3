//! Formats of which each line is an event. A line that is not of the form of its file is an event all
//! the same, with its text as `message`: keywords are searched in it.

use crate::{
    Format, LossKind, Place, Record, Source, input::Input, out::Out, pairs, stamp::Around, syslog,
    vendor, web,
};

pub(crate) fn read(format: Format, input: &mut Input<'_>, out: &mut Out<'_>) {
    while let Some(line) = input.line() {
        let place = Place::Line(line.number);
        let ended = line.ended;
        let Some(text) = out.text(&line) else {
            continue;
        };
        let around = out.around;
        let known = event(format, &text, out.begin(place), around);
        if !known && !ended && !whole(format) {
            out.lose(LossKind::Cut, place, "the file ends in it");
            continue;
        }
        out.record.set_raw(&text);
        out.emit();
    }
}

/// Whether any text is a line of it.
fn whole(format: Format) -> bool {
    matches!(format, Format::Text | Format::Pairs)
}

/// Fills the record; whether the line is of the form.
fn event(format: Format, text: &str, record: &mut Record, around: Around) -> bool {
    let known = match format {
        Format::Web => {
            let known = web::fields(text, record, around);
            if !known {
                record.source = Source::new("", "webserver", "");
            }
            known
        }
        Format::Cef => vendor::fields(text, record) || vendor::bare_cef(text, record),
        Format::Leef => vendor::fields(text, record),
        Format::Syslog => syslog::fields(text, record, around),
        _ => false,
    };
    if known {
        if matches!(format, Format::Cef | Format::Leef) {
            told(record, around);
        }
        return true;
    }
    free(text, record, around);
    false
}

/// A text with perhaps a time in front and perhaps something that is known in it.
fn free(text: &str, record: &mut Record, around: Around) {
    record.text("message", text);
    record.time = around.find(text);
    if !vendor::fields(text, record) {
        pairs::fields(text, record);
    }
    if record.time.is_none() {
        told(record, around);
    }
}

/// The time and host of vendors.
fn told(record: &mut Record, around: Around) {
    const TIMES: [&str; 9] = [
        "eventtime",
        "rt",
        "end",
        "start",
        "devTime",
        "time",
        "timestamp",
        "deviceReceiptTime",
        "UNIFIutcTime",
    ];
    if let (Some(date), Some(time)) = (record.get("date"), record.get("time")) {
        record.time = around.any(&format!("{date} {time}"));
    }
    if record.time.is_none() {
        record.time = TIMES.iter().find_map(|name| around.any(record.get(name)?));
    }
    for name in ["devname", "dvchost", "shost", "identHostName"] {
        if let Some(index) = record.position(name) {
            record.host_is(index);
            return;
        }
    }
}
