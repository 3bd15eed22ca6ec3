fn walk(p: &std::path::Path, out: &mut Vec<(String, String)>) {
    for e in std::fs::read_dir(p).unwrap() {
        let p = e.unwrap().path();
        if p.is_dir() { walk(&p, out) } else if p.extension().is_some_and(|e| e == "yml") {
            out.push((p.display().to_string(), std::fs::read_to_string(&p).unwrap()));
        }
    }
}
fn main() {
    let mut files = Vec::new();
    walk(std::path::Path::new(&std::env::args().nth(1).unwrap()), &mut files);
    let t = std::time::Instant::now();
    let loaded = sigma::RuleSet::load(files.iter().map(|(a, b)| (a.clone(), b)));
    println!("{} rules in {:?}", loaded.set.rules.len(), t.elapsed());
    let t = std::time::Instant::now();
    let engine = sigma::Engine::new(&loaded.set);
    println!("engine in {:?}", t.elapsed());
    let text = std::fs::read(std::env::args().nth(2).unwrap()).unwrap();
    let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').filter(|l| !l.is_empty()).collect();
    let mut events: Vec<sigma::Event> = Vec::new();
    let reps: u32 = std::env::args().nth(3).map_or(1, |n| n.parse().unwrap());
    let mut e = sigma::Event::new();
    let t = std::time::Instant::now();
    for _ in 0..reps { for l in &lines { e.read_json(l).unwrap(); } }
    let n = lines.len() as f64 * f64::from(reps);
    let p = t.elapsed().as_secs_f64();
    println!("parse {:.2} us/event", p * 1e6 / n);
    for l in &lines { e.read_json(l).unwrap(); events.push(e.clone()); }
    let mut s = sigma::Scratch::new();
    let mut counts = vec![0u64; loaded.set.rules.len()];
    let t = std::time::Instant::now();
    for _ in 0..reps { for e in &events { engine.matches(e, &mut s, |r| counts[r] += 1); } }
    let m = t.elapsed().as_secs_f64();
    println!("match {:.2} us/event; both {:.0} ev/s; match alone {:.0}", m * 1e6 / n, n / (p + m), n / m);
    println!("{} matches, {} rules", counts.iter().sum::<u64>() / u64::from(reps), counts.iter().filter(|c| **c > 0).count());
    if std::env::var("LIST").is_ok() { for (i, c) in counts.iter().enumerate() { if *c > 0 { println!("{} {}", loaded.set.rules[i].meta.id.as_deref().unwrap_or(""), c / u64::from(reps)); } } }
    println!("{}", std::fs::read_to_string("/proc/self/status").unwrap().lines().filter(|l| l.starts_with("VmHWM")).collect::<String>());
}
