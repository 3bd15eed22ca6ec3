//! `cordon up` over a folder of inventories, a sheet and a list: from what people drop to what the page says.

use std::{fs, path::Path};

use crate::up::{Up, ordinary_owns, system};

/// A host of 2004 as its own tools say, with one file of the bulletin.
fn drop_bundle(root: &Path, name: &str, lsasrv: &str) {
    let folder = root.join("share").join(name);
    fs::create_dir_all(&folder).unwrap();
    let systeminfo = format!(
        "Host Name:                 {name}\r\nOS Name:                   Microsoft Windows XP Professional\r\n\
         OS Version:                5.1.2600 Service Pack 1 Build 2600\r\n\
         OS Manufacturer:           Microsoft Corporation\r\n\
         System Boot Time:          2004-05-02, 08:00:00\r\nSystem type:               X86-based PC\r\n\
         Hotfix(s):                 1 Hotfix(s) Installed.\r\n                           [01]: KB111111\r\n"
    );
    fs::write(folder.join("systeminfo.txt"), systeminfo).unwrap();
    let list = format!(
        "\"Path\",\"FileVersion\"\r\n\"C:\\WINDOWS\\system32\\lsasrv.dll\",\"{lsasrv}\"\r\n"
    );
    fs::write(folder.join("files.csv"), list).unwrap();
}

fn office(test: &str) -> std::path::PathBuf {
    let root = system(test);
    drop_bundle(&root, "ws1", "5.1.2600.1106");
    drop_bundle(&root, "ws2", "5.1.2600.1361");
    let sheet = "Bulletin;File;Version;Status\n;lsasrv.dll;5.1.2600.1361;deployed\n";
    fs::write(root.join("patches.csv"), sheet).unwrap();
    fs::write(root.join("ad.csv"), "Name\nws1\nws2\nws9\n").unwrap();
    let policy = format!(
        "[[patch.inventory]]\nname = \"share\"\npath = \"{0}/share\"\n\
         [[patch.baseline]]\nname = \"sheet\"\npath = \"{0}/patches.csv\"\n\
         [[patch.expect]]\nname = \"ad\"\npath = \"{0}/ad.csv\"\n",
        root.display()
    );
    fs::write(root.join("etc/cordon/policy.toml"), policy).unwrap();
    ordinary_owns(&root);
    root
}

#[test]
fn what_people_drop_is_on_the_page_and_what_is_mended_goes() {
    let root = office("inventories");
    let up = Up::start(&root);
    // The deployer's word against the file: the loudest there is; and who never came.
    up.until(|page| {
        page.contains("lsasrv.dll: two witnesses disagree") && page.contains("ws9 is not audited")
    });
    up.until(|page| {
        page.contains(
            "nothing missing on 50 % of the 67 % that answered (2 of 3 hosts inventoried)",
        )
    });
    drop_bundle(&root, "ws1", "5.1.2600.1361");
    up.until(|page| page.contains("nothing missing on 100 % of the 67 % that answered"));
    drop_bundle(&root, "ws9", "5.1.2600.1361");
    ordinary_owns(&root);
    up.until(|page| page.contains("of the 100 % that answered (3 of 3 hosts inventoried)"));
    // A host that left every list and folder while nobody looked leaves the page as well.
    assert_eq!(up.end("-KILL"), -1);
    fs::remove_dir_all(root.join("share/ws2")).unwrap();
    fs::write(root.join("ad.csv"), "Name\nws1\nws9\n").unwrap();
    let up = Up::start(&root);
    up.until(|page| page.contains("that answered (2 of 2 hosts inventoried)"));
    drop(up);
    fs::remove_dir_all(root).unwrap();
}
