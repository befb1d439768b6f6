use crate::workspace::Workspace;
use anyhow::Result;
use std::process::ExitCode;

pub fn run(_workspace: &Workspace) -> Result<ExitCode> {
    todo!()
}
