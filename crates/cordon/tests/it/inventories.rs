//! `cordon up` over a folder of inventories, a sheet and a list: from what people drop to what the page says.

use std::{fs, path::Path, process::Command};

use crate::{
    ssh::bundle,
    sshd::Lab,
    up::{Up, ordinary_owns, system},
};

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

/// Gives a file to whoever the hub will be, and to nobody else: ssh takes no other key.
fn own(path: &Path) {
    let user = if fs::read_to_string("/proc/self/status")
        .unwrap()
        .contains("Uid:\t0\t")
    {
        "65534"
    } else {
        return;
    };
    let owned = Command::new("chown").arg(user).arg(path).status().unwrap();
    let closed = Command::new("chmod").arg("600").arg(path).status().unwrap();
    assert!(owned.success() && closed.success());
}

#[test]
fn hosts_are_asked_over_ssh_and_who_does_not_answer_is_told() {
    let Some(mut lab) = Lab::new("up-ssh") else {
        return;
    };
    let prints = lab.prints("one.bundle", bundle("one").as_bytes());
    lab.host("one", &prints, true);
    lab.host("strange", "", false); // its key is not known
    let root = system("up-ssh");
    let (from, to) = (lab.dir.display().to_string(), root.display().to_string());
    for name in ["user", "known_hosts"] {
        fs::copy(lab.dir.join(name), root.join(name)).unwrap();
    }
    fs::write(root.join("ssh_config"), lab.config.replace(&from, &to)).unwrap();
    fs::write(
        root.join("etc/cordon/policy.toml"),
        format!(
            "[[patch.inventory]]\nname = \"servers\"\nssh = [\"one\", \"strange\"]\nssh_config = \"{to}/ssh_config\"\n\
             [[patch.requirement]]\nid = \"web-2\"\npackage = \"web\"\nat_least = \"2\"\nhosts = \"one\"\n"
        ),
    )
    .unwrap();
    ordinary_owns(&root);
    own(&root.join("user"));
    own(&root.join("known_hosts"));
    own(&root.join("ssh_config"));
    let up = Up::start(&root);
    // Until it is asked it has only not answered yet; the reason comes with the answer.
    up.until(|page| {
        page.contains("web-2 is not installed")
            && page.contains("strange is not audited")
            && page.contains("host key")
    });
    up.until(|page| page.contains("of the 50 % that answered (1 of 2 hosts inventoried)"));
    drop(up);
    fs::remove_dir_all(root).unwrap();
}
