// SPDX-License-Identifier: GPL-2.0

//! Names from a real QEMU. It runs its firmware in TCG, so KVM is not needed.

mod common;

use common::{recording, Host};
use std::{
    fs,
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

const LIMIT: Duration = Duration::from_secs(60);

/// A QEMU process that ends with the test.
struct Qemu(Child);

impl Qemu {
    fn start(socket: &Path, words: &str) -> Self {
        let child = Command::new("qemu-system-x86_64")
            .args(words.split_whitespace())
            .args(["-display", "none", "-nodefaults", "-m", "64M", "-qmp"])
            .arg(format!("unix:{},server=on,wait=off", socket.display()))
            .stderr(Stdio::null())
            .spawn()
            .expect("qemu-system-x86_64 runs (`make deps` installs it)");
        let qemu = Self(child);
        let begin = Instant::now();
        while !socket.exists() {
            assert!(begin.elapsed() < LIMIT, "QEMU makes no socket");
            sleep(Duration::from_millis(20));
        }
        qemu
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Records exits of VM 1: misconfigurations at an address, an access to 2 MiB, and I/O.
fn record(directory: &Path, addresses: &[u64], ports: &[u64]) {
    let mut host = Host::new(7);
    let first = host.snapshot(0);
    for (n, address) in addresses.iter().enumerate() {
        host.about((1, 0), (49, *address, 0), 100 - n as u64, 700, 0);
    }
    for (n, port) in ports.iter().enumerate() {
        host.about((1, 0), (30, port << 16, 0), 50 - n as u64, 700, 0);
    }
    let snapshots = [first, host.snapshot(1000)];
    fs::write(directory.join("vm.rec"), recording(&snapshots)).unwrap();
}

fn exitstat(directory: &Path, words: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_exitstat"))
        .args(words.split_whitespace())
        .current_dir(directory)
        .output()
        .unwrap()
}

/// Returns the names in the rows of `detail`, or the error message.
fn names(directory: &Path) -> Result<Vec<String>, String> {
    let output = exitstat(
        directory,
        "detail --from vm.rec --vm 1 --qmp qmp --format json",
    );
    if !output.status.success() {
        return Err(String::from_utf8(output.stderr).unwrap());
    }
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = document["details"].as_array().unwrap().iter();
    let names = rows.map(|row| row["what"].as_str().unwrap_or_default().to_owned());
    Ok(names.collect())
}

/// Asks until the answer is right. QEMU may not have noticed yet that its last client has disconnected, and the
/// firmware relocates devices at its own pace.
fn until_right<T: std::fmt::Debug>(
    ask: impl Fn() -> Result<T, String>,
    is: impl Fn(&T) -> bool,
) -> T {
    let begin = Instant::now();
    loop {
        match ask() {
            Ok(answer) if is(&answer) => return answer,
            answer => assert!(begin.elapsed() < LIMIT, "{answer:?}"),
        }
        sleep(Duration::from_millis(200));
    }
}

#[test]
fn pci_devices_are_where_the_firmware_put_them() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("qmp");
    let _qemu = Qemu::start(
        &socket,
        "-M q35,accel=tcg -device virtio-net-pci,addr=3 -serial null",
    );
    let expected = [
        "virtio-net 00:03.0 notify",
        "0xfec00010 I/O APIC",
        "0x3f8 out 1 COM1",
        "out 1 virtio-net 00:03.0 BAR0+0x0",
    ];
    let named = || {
        let answers = exitstat_cli::detail::devices::ask(&socket)?;
        let all = answers.pci[0]["devices"].as_array().unwrap();
        let device = all.iter().find(|device| device["slot"] == 3).unwrap();
        let regions = device["regions"].as_array().unwrap();
        let bar = |number: u64| regions.iter().find(|region| region["bar"] == number);
        let address = |number| bar(number).and_then(|region| region["address"].as_u64());
        let (Some(ports), Some(memory)) = (address(0), address(4)) else {
            return Err(format!("{all:?}"));
        };
        let memory = [memory.wrapping_add(0x3000), 0xfec0_0010];
        record(directory.path(), &memory, &[0x3f8, ports & 0xffff]);
        names(directory.path())
    };
    until_right(named, |names| *names == expected);
}

#[test]
fn devices_of_a_microvm_are_behind_virtio_mmio() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("qmp");
    let qemu = Qemu::start(&socket, "-S -M microvm,accel=tcg -device virtio-net-device");
    // A socket's VM is found by its process.
    let ask = || exitstat_cli::detail::devices::ask(&socket);
    let answers = until_right(ask, |_| true);
    assert_eq!(answers.pid, Some(qemu.0.id()));
    record(directory.path(), &[0xfeb0_2e50, 0xfeb0_0000], &[]);
    let expected = [
        "virtio-net 0xfeb02e00 QueueNotify",
        "virtio-mmio 0xfeb00000 MagicValue",
    ];
    until_right(|| names(directory.path()), |names| *names == expected);

    // Another client uses the monitor.
    let client = UnixStream::connect(&socket).unwrap();
    sleep(Duration::from_millis(200));
    let output = exitstat(directory.path(), "detail --from vm.rec --vm 1 --qmp qmp");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("QEMU serves one client per socket"),
        "{error}"
    );
    assert_eq!(output.status.code(), Some(6));
    drop(client);

    let output = exitstat(directory.path(), "detail --from vm.rec --qmp qmp");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("--qmp with --from needs --vm"), "{error}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_human_monitor_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (unused, socket) = (
        directory.path().join("unused"),
        directory.path().join("hmp"),
    );
    let words = format!(
        "-S -M microvm,accel=tcg -monitor unix:{},server=on,wait=off",
        socket.display()
    );
    let _qemu = Qemu::start(&unused, &words);
    record(directory.path(), &[0xfeb0_2e50], &[]);
    let output = exitstat(directory.path(), "detail --from vm.rec --vm 1 --qmp hmp");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("not a QMP socket"), "{error}");
}
