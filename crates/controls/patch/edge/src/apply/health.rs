//! How a host feels: what failed, what crashed, and which start it lives in. It is asked before and after, and only
//! what is worse afterwards counts.

use std::collections::BTreeSet;

use cordon_patch::plan::Health;

/// Reads and changes nothing; needs no root. What a host cannot tell it does not say.
pub const HEALTH_SCRIPT: &str = r#"PATH=$PATH:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
echo '@cordon-health 1'
if [ -r /proc/sys/kernel/random/boot_id ]; then
    read -r boot < /proc/sys/kernel/random/boot_id && echo "boot $boot"
fi
if [ -d /run/systemd/system ]; then
    if failed=$(systemctl list-units --state=failed --no-legend --plain --no-pager 2>/dev/null); then
        echo "services told"
        echo "$failed" | while read -r unit rest; do [ -n "$unit" ] && echo "failed $unit"; done
    fi
fi
for dir in /var/lib/systemd/coredump /var/crash; do
    if [ -d "$dir" ] && [ -r "$dir" ]; then
        count=0
        for file in "$dir"/*; do [ -e "$file" ] && count=$((count + 1)); done
        echo "crashes $count"
    fi
done
echo '@cordon-health-end'
"#;

/// Restarts the host after its answer is out.
pub const RESTART_SCRIPT: &str = r"PATH=$PATH:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
echo '@cordon-begin'
if [ -d /run/systemd/system ]; then
    systemctl reboot
else
    reboot
fi </dev/null 2>&1
echo '@cordon-end'
";

/// What a host says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vitals {
    /// How it feels; none if it said nothing of that.
    pub health: Option<Health>,
    /// Which start it lives in.
    pub boot: Option<String>,
}

/// Reads what [`HEALTH_SCRIPT`] printed. An answer that is cut says nothing.
pub fn read_vitals(said: &[u8]) -> Vitals {
    let text = String::from_utf8_lossy(said);
    let body = text.split_once("@cordon-health 1").map(|(_, rest)| rest);
    let body = body.and_then(|rest| rest.split_once("@cordon-health-end"));
    let Some((body, _)) = body else {
        return Vitals::default();
    };
    let mut health = Health::default();
    let mut boot = None;
    for line in body.lines() {
        match line.split_once(' ') {
            Some(("boot", id)) => boot = Some(id.trim().to_owned()),
            Some(("services", "told")) => health.failed = Some(BTreeSet::new()),
            Some(("failed", unit)) => {
                if let Some(failed) = &mut health.failed {
                    failed.insert(unit.trim().to_owned());
                }
            }
            Some(("crashes", count)) => {
                if let Ok(count) = count.trim().parse::<u64>() {
                    health.crashes = Some(health.crashes.unwrap_or(0).saturating_add(count));
                }
            }
            _ => {}
        }
    }
    let told = health != Health::default();
    Vitals {
        health: told.then_some(health),
        boot,
    }
}
