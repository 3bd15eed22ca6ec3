//! A finding as OCSF's Detection Finding (class 2004, version 1.3): a view made on the way out. What has no place
//! there is `unmapped`, so that nothing is dropped.

use serde_json::{Value, json};
use sigma::{Level, Meta};

use super::hit::{Hit, id_of, number_of};

/// Severity of OCSF.
const fn severity(level: Option<Level>) -> u8 {
    match level {
        Some(Level::Informational) => 1,
        Some(Level::Low) => 2,
        Some(Level::Medium) | None => 3,
        Some(Level::High) => 4,
        Some(Level::Critical) => 5,
    }
}

pub(super) fn finding(meta: &Meta, hit: &Hit) -> Value {
    let attacks: Vec<Value> = meta
        .tags
        .iter()
        .filter_map(|tag| tag.strip_prefix("attack."))
        .filter(|technique| technique.starts_with('t') && technique.len() > 4)
        .map(|technique| json!({"technique": {"uid": technique.to_uppercase()}}))
        .collect();
    json!({
        "category_uid": 2,
        "class_uid": 2004,
        "type_uid": 200_401,
        "activity_id": 1,
        "severity_id": severity(meta.level),
        "time": hit.at.map(cordon_model::Time::millis),
        "message": meta.title,
        "finding_info": {
            "title": meta.title,
            "uid": format!("{}:{}:{}", id_of(meta), hit.file, number_of(hit.place).unwrap_or_default()), // default: a correlation has none
            "desc": meta.description,
            "attacks": attacks,
            "analytic": {"type_id": 1, "name": meta.title, "uid": id_of(meta)},
        },
        "metadata": {
            "version": "1.3.0",
            "product": {"name": "Cordon", "vendor_name": "Cordon", "version": env!("CARGO_PKG_VERSION")},
            "log_name": hit.file,
        },
        "device": {"hostname": hit.host, "type_id": 0},
        "unmapped": {"fields": hit.fields, "record": number_of(hit.place), "tags": meta.tags},
    })
}
