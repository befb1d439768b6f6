// SPDX-License-Identifier: GPL-2.0

//! Makes manual pages and shell completions from the command line's definition, and a list of them
//! that `src/commands/documents.rs` includes.

use clap::CommandFactory;
use clap_complete::{generate_to, Shell};
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
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut command.clone(), "exitstat", &completions)?;
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
