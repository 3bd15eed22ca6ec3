fn main() {
    let mut files = Vec::new();
    fn walk(p: &std::path::Path, out: &mut Vec<(String, String)>) {
        for e in std::fs::read_dir(p).unwrap() {
            let p = e.unwrap().path();
            if p.is_dir() { walk(&p, out) } else if p.extension().is_some_and(|e| e == "yml") {
                out.push((p.display().to_string(), std::fs::read_to_string(&p).unwrap()));
            }
        }
    }
    walk(std::path::Path::new(&std::env::args().nth(1).unwrap()), &mut files);
    let t = std::time::Instant::now();
    let loaded = sigma::RuleSet::load(files.iter().map(|(a, b)| (a.clone(), b)));
    println!("{} rules in {:?}", loaded.set.rules.len(), t.elapsed());
    for r in &loaded.refused { println!("{r}"); }
    println!("{} notes", loaded.notes.len());
}
