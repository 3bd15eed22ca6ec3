//! `cargo xtask plot`: how silence is judged, measured anew and drawn for the guide.
//!
//! The figures are those of `bench/src/cadence.rs` on synthetic sites, whose seeds are in the repository: the
//! same figures and the same drawing on any machine. They are kept beside the drawing, and a test holds one
//! against the other, so that no drawing shows what was not measured.

use std::{fmt::Write, fs, io, path::Path, process::Command};

/// What was measured, and the drawing of it.
const FIGURES: &str = "docs/guide/silence.tsv";
const DRAWING: &str = "docs/guide/silence.svg";

/// The sites that are drawn; the others are in the figures.
const DRAWN: &str = "sites";

const SIZE: (f64, f64) = (960.0, 470.0);

/// Where a panel's axes are: its left end, and top and bottom.
const WIDTH: f64 = 390.0;
const TOP: f64 = 78.0;
const BOTTOM: f64 = 390.0;

/// False alarms a source and month, and hours: the ends of the logarithmic axes.
const RATES: (f64, f64) = (0.01, 100.0);
const HOURS: (f64, f64) = (0.5, 336.0);

const RATE_TICKS: [(f64, &str); 5] = [
    (0.01, "0.01"),
    (0.1, "0.1"),
    (1.0, "1"),
    (10.0, "10"),
    (100.0, "100"),
];
const HOUR_TICKS: [(f64, &str); 7] = [
    (1.0, "1 hour"),
    (4.0, "4 hours"),
    (12.0, "12 hours"),
    (24.0, "1 day"),
    (48.0, "2 days"),
    (96.0, "4 days"),
    (168.0, "a week"),
];

/// A method as the measurement names it, as people do, and its colour's class.
const METHODS: [(&str, &str, &str); 3] = [
    ("cadence", "Cordon", "ours"),
    ("longest gap", "so many times the longest gap seen", "gap"),
    ("timer", "the same number of hours for all", "timer"),
];

/// Settings that people use, named beside their point.
const NAMED: [(&str, &str, &str); 4] = [
    ("cadence", "0.02", "as installed"),
    ("timer", "1", "1 hour"),
    ("timer", "24", "24 hours"),
    ("longest gap", "1.5", "1.5 times"),
];

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1d2733}.small{font-size:12px;fill:#4b5a6b}\
.title{font-size:15px;font-weight:600}.back{fill:#fff}.grid{stroke:#d9e0e7;stroke-width:1}.axis{stroke:#7a8896;fill:none}\
.line{fill:none;stroke-width:2}.ours{stroke:#0b6e4f;fill:#0b6e4f}.gap{stroke:#b25a00;fill:#b25a00}\
.timer{stroke:#5b4bb7;fill:#5b4bb7}.line{fill:none}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#a9b6c3}.back{fill:#11181f}.grid{stroke:#2a3642}\
.axis{stroke:#8b99a8}.ours{stroke:#4cc38a;fill:#4cc38a}.gap{stroke:#f0a04b;fill:#f0a04b}\
.timer{stroke:#a99bf5;fill:#a99bf5}.line{fill:none}}";

/// Measures, writes the figures and draws them.
pub(crate) fn plot() -> io::Result<()> {
    let measured = Command::new(env!("CARGO"))
        .args([
            "run",
            "--release",
            "--quiet",
            "--locked",
            "-p",
            "bench",
            "--bin",
            "cadence",
        ])
        .output()?;
    if !measured.status.success() {
        let why = String::from_utf8_lossy(&measured.stderr).into_owned();
        return Err(io::Error::other(why));
    }
    let figures = String::from_utf8(measured.stdout).map_err(io::Error::other)?;
    let drawing = draw(&figures)?;
    fs::write(Path::new(FIGURES), figures)?;
    fs::write(Path::new(DRAWING), drawing)?;
    println!("{FIGURES} and {DRAWING} are written");
    Ok(())
}

/// A method at one setting.
struct Point {
    method: String,
    setting: String,
    rate: f64,
    half: f64,
    most: f64,
}

fn points(figures: &str) -> io::Result<Vec<Point>> {
    let mut points = Vec::new();
    for line in figures.lines().skip(1) {
        let refuse =
            || io::Error::other(format!("expected a row of the measurement, got `{line}`"));
        let fields: Vec<&str> = line.split('\t').collect();
        let [data, method, setting, rate, half, most, ..] = fields.as_slice() else {
            return Err(refuse());
        };
        let number = |text: &str| text.parse::<f64>().map_err(|_| refuse());
        if *data == DRAWN {
            points.push(Point {
                method: (*method).to_owned(),
                setting: (*setting).to_owned(),
                rate: number(rate)?,
                half: number(half)?,
                most: number(most)?,
            });
        }
    }
    if points.is_empty() {
        return Err(io::Error::other(format!(
            "nothing was measured of `{DRAWN}`"
        )));
    }
    Ok(points)
}

/// The drawing of `figures`.
fn draw(figures: &str) -> io::Result<String> {
    let points = points(figures)?;
    let (width, height) = SIZE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"How long a silence lasts before it is told, against how often one is told wrongly\">\n\
         <style>{STYLE}</style>\n<rect class=\"back\" width=\"{width}\" height=\"{height}\"/>\n"
    );
    panel(
        &mut svg,
        80.0,
        "Half of the outages are told within",
        &points,
        |point| point.half,
    );
    panel(
        &mut svg,
        550.0,
        "Nine in ten are told within",
        &points,
        |point| point.most,
    );
    for (place, (_, name, class)) in METHODS.iter().enumerate() {
        let x = 80.0 + [0.0, 110.0, 400.0][place];
        add(
            &mut svg,
            &format!("<circle class=\"{class}\" cx=\"{x}\" cy=\"24\" r=\"5\"/>"),
        );
        text(&mut svg, (x + 12.0, 28.0), "start", "", name);
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn panel(svg: &mut String, left: f64, title: &str, points: &[Point], value: fn(&Point) -> f64) {
    let x = |rate: f64| left + along(rate, RATES) * WIDTH;
    let y = |hours: f64| BOTTOM - along(hours, HOURS) * (BOTTOM - TOP);
    let right = left + WIDTH;
    text(svg, (left, TOP - 18.0), "start", "title", title);
    for (hours, name) in HOUR_TICKS {
        let at = y(hours);
        add(
            svg,
            &format!("<path class=\"grid\" d=\"M{left:.1} {at:.1}H{right:.1}\"/>"),
        );
        text(svg, (left - 8.0, at + 4.0), "end", "small", name);
    }
    for (rate, name) in RATE_TICKS {
        let at = x(rate);
        add(
            svg,
            &format!("<path class=\"grid\" d=\"M{at:.1} {TOP:.1}V{BOTTOM:.1}\"/>"),
        );
        text(svg, (at, BOTTOM + 18.0), "middle", "small", name);
    }
    add(
        svg,
        &format!("<path class=\"axis\" d=\"M{left:.1} {TOP:.1}V{BOTTOM:.1}H{right:.1}\"/>"),
    );
    let middle = left + WIDTH / 2.0;
    text(
        svg,
        (middle, BOTTOM + 40.0),
        "middle",
        "",
        "false alarms of one source in a month",
    );
    text(
        svg,
        (middle, BOTTOM + 58.0),
        "middle",
        "small",
        "0.01 is one a month from 100 sources; lower and further left is better",
    );
    for (method, _, class) in METHODS {
        let of = points.iter().filter(|point| point.method == method);
        let of: Vec<(&str, f64, f64)> = of
            .map(|point| (point.setting.as_str(), x(point.rate), y(value(point))))
            .collect();
        curve(svg, (method, class), of, right);
    }
}

/// The points of one method, by setting and place, and the line through them.
fn curve(
    svg: &mut String,
    (method, class): (&str, &str),
    mut of: Vec<(&str, f64, f64)>,
    right: f64,
) {
    of.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.2.total_cmp(&b.2)));
    let path: Vec<String> = of
        .iter()
        .map(|(_, x, y)| format!("{x:.1} {y:.1}"))
        .collect();
    add(
        svg,
        &format!("<path class=\"line {class}\" d=\"M{}\"/>", path.join("L")),
    );
    for (setting, x, y) in of {
        let named = NAMED
            .iter()
            .find(|named| (named.0, named.1) == (method, setting));
        let size = if named.is_some() { "5" } else { "2.5" };
        add(
            svg,
            &format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{size}\"/>"),
        );
        let Some((_, _, name)) = named else { continue };
        let (place, anchor) = if x > right - 60.0 {
            ((x - 9.0, y - 8.0), "end")
        } else if class == "ours" {
            ((x, y + 21.0), "middle")
        } else {
            ((x + 8.0, y - 8.0), "start")
        };
        text(svg, place, anchor, "small", name);
    }
}

/// Where a value is on a logarithmic axis, from 0 to 1. What is beyond an end is at the end.
fn along(value: f64, (from, to): (f64, f64)) -> f64 {
    (value.clamp(from, to) / from).ln() / (to / from).ln()
}

fn add(svg: &mut String, element: &str) {
    svg.push_str(element);
    svg.push('\n');
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, class: &str, words: &str) {
    let _infallible = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"
    ); // because a String takes everything
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(path: &str) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        fs::read_to_string(root.join(path)).unwrap()
    }

    #[test]
    fn the_drawing_in_the_guide_is_of_the_figures_beside_it() {
        let figures = kept(FIGURES);
        assert_eq!(draw(&figures).unwrap(), kept(DRAWING), "cargo xtask plot");
        let all = points(&figures).unwrap();
        for (method, setting, _) in NAMED {
            let named = |point: &&Point| point.method == method && point.setting == setting;
            assert_eq!(all.iter().filter(named).count(), 1, "{method} {setting}");
        }
    }

    #[test]
    fn a_row_that_is_none_is_refused() {
        assert!(draw("head\n").is_err());
        assert!(draw("head\nsites\tcadence\t0.02\n").is_err());
        assert!(draw("head\nsites\tcadence\t0.02\tx\t1\t2\n").is_err());
    }
}
