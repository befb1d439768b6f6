// SPDX-License-Identifier: GPL-2.0

//! Makes manual pages and shell completions from the command line's definition, and a list of them
//! that `src/commands/documents.rs` includes.

use clap::CommandFactory;
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use std::{env, error::Error, fmt::Write, fs, path::Path};

#[allow(dead_code, unused_imports)]
#[path = "src/cli/mod.rs"]
mod cli;
#[path = "build/man.rs"]
mod man;
#[allow(dead_code)]
#[path = "src/reason.rs"]
mod reason;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src/cli");
    println!("cargo::rerun-if-changed=src/reason.rs");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out).join("documents");
    // What was made of an older definition must not stay.
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    let (pages, completions) = (out.join("man/man1"), out.join("completions"));
    fs::create_dir_all(&pages)?;
    fs::create_dir_all(&completions)?;

    let command = cli::Cli::command();
    man::write(&command, &pages, &cli::KEYS)?;
    let shells: [(&str, &dyn EnvCompleter); 3] = [
        ("exitstat.bash", &Bash),
        ("_exitstat", &Zsh),
        ("exitstat.fish", &Fish),
    ];
    for (name, shell) in shells {
        let mut script = Vec::new();
        shell.write_registration(
            cli::COMPLETE,
            "exitstat",
            "exitstat",
            "exitstat",
            &mut script,
        )?;
        if name == "_exitstat" {
            // Zsh drops what does not begin with the word, such as HLT for hl, unless told how they match.
            let all = String::from_utf8(script)?;
            let describe = "_describe -V 'values' other";
            assert!(all.contains(describe), "clap_complete has another script");
            let matched = format!("{describe} -M 'm:{{a-z-}}={{A-Z_}}'");
            script = all.replace(describe, &matched).into_bytes();
            // Zsh loads the file at the first completion, which is to be answered too.
            script.extend_from_slice(
                b"[[ $funcstack[1] == _exitstat ]] && _clap_dynamic_completer_exitstat \"$@\"\n",
            );
        }
        fs::write(completions.join(name), script)?;
    }

    let mut list = "[\n".to_owned();
    for directory in ["man/man1", "completions"] {
        let mut names = fs::read_dir(out.join(directory))?
            .map(|entry| {
                Ok(format!(
                    "{directory}/{}",
                    entry?.file_name().to_string_lossy()
                ))
            })
            .collect::<Result<Vec<_>, std::io::Error>>()?;
        names.sort();
        for name in names {
            let file = out.join(&name);
            writeln!(list, "    ({name:?}, include_bytes!({file:?})),")?;
        }
    }
    list += "]\n";
    fs::write(out.join("list.rs"), list)?;
    Ok(())
}
