// SPDX-License-Identifier: GPL-2.0

//! `exitstat record`: records snapshots into a file, while a command runs or until Ctrl-C.

use crate::{
    cli::RecordArgs,
    counted_by::CountedBy,
    error::Error,
    model::Sample,
    reason::vendor,
    source::{
        capture::Capture,
        device,
        live::Live,
        recording::{Compression, End, Mark, Metadata, Reader, Recorder},
    },
    vm::known::{keys, Entry, Known},
};
use exitstat_core::snapshot::Header;
use rustix::{
    fs::{mknodat, FileType, Mode, CWD},
    io::Errno,
};
use signal_hook::{
    consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{self, BufRead, BufReader, Write},
    os::unix::{fs::FileTypeExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus},
    sync::{
        atomic::{AtomicI32, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
        Arc,
    },
    thread,
    time::{Duration, Instant},
};

mod child;
mod replacement;
mod rotation;
mod selection;

use child::Running;
use replacement::{Replacement, Target};
use rotation::Rotation;
use selection::Selection;

/// Exit statuses of env(1) and timeout(1) for their own failures.
const FAILED: u8 = 125;
const NOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Runs the command. Returns the exit status of COMMAND.
///
/// # Errors
///
/// Recording fails, and there is no COMMAND.
pub fn run(args: &RecordArgs) -> Result<ExitCode, Error> {
    match record(args) {
        Ok(status) => Ok(ExitCode::from(status)),
        Err(error) if !args.command.is_empty() => {
            // Other statuses could be the command's own.
            crate::say!("exitstat: {error}");
            Ok(ExitCode::from(FAILED))
        }
        Err(error) => Err(error),
    }
}

fn record(args: &RecordArgs) -> Result<u8, Error> {
    // Captures until after the last snapshot.
    let _capture = args.capture.map(Capture::begin).transpose()?;
    let mut source = Snapshots::open(args)?;
    // Take a snapshot first: if that fails, do not run the command or replace the file.
    let first = source.take()?;
    if args.command.is_empty() {
        // With COMMAND, the VM may start later.
        source.selection.iter().try_for_each(Selection::is_there)?;
    }
    let header = Sample::parse(&first.bytes)
        .map_err(device::Error::Snapshot)?
        .header;
    let error = |error| Error::io(format!("cannot write {}", args.output.display()))(error);
    let mut recorder =
        Recorder::with(Vec::new(), &metadata(args, &header), args.compression()).map_err(error)?;
    first.write(&mut recorder, &[]).map_err(error)?;
    // Opening a pipe blocks here, where Ctrl-C still ends the process.
    let target = Target::open(&args.output).map_err(error)?;
    if let (Some(_), Target::Stream(_)) = (args.rotate, &target) {
        return Err(Error::Usage(format!(
            "--rotate needs a file, and {} is a pipe or a device",
            args.output.display()
        )));
    }
    let mut rotation = args
        .rotate
        .map(|full| Rotation::new(&args.output, full, args.keep.map(|keep| keep as usize)));
    let mut known = Known::default();
    first.vms.iter().cloned().for_each(|vm| known.add(vm));

    let (sender, events) = mpsc::channel();
    let stopped = signals(sender.clone())?;
    let marks = match &args.marks {
        None => None,
        Some(path) => Some(Marks::open(path, &sender)?),
    };
    drop(sender);
    let file = target.begin(recorder.output()).map_err(error)?;
    match stopped.load(Ordering::Relaxed) {
        0 => (),
        signal => return Ok(signal_status(signal)),
    }
    let child = match Running::start(&args.command, args.only_command) {
        None => None,
        Some(Ok(child)) => Some(child),
        Some(Err(why)) => {
            let command = args.command.first().map(|word| word.to_string_lossy());
            let command = command.unwrap_or_default();
            crate::say!("exitstat: cannot run {command}: {why}");
            let status = match why.kind() {
                io::ErrorKind::NotFound => NOT_FOUND,
                _ => NOT_RUN,
            };
            if let Replacement::Stream(file) = file {
                // Its reader already has the beginning.
                let status = Some(status);
                recorder.onto(file).end(&End { status }).map_err(error)?;
            }
            return Ok(status);
        }
    };
    // The command must not notice if recording fails while it runs.
    let ends_here = |error: &Error| crate::say!("exitstat: recording ends here: {error}");
    let begun = file.commit(recorder.output()).map_err(error);
    let mut recorder = begun.map(|file| recorder.onto(file));
    match &recorder {
        Err(error) if child.is_some() => ends_here(error),
        _ => (),
    }
    let mut due = Instant::now() + args.interval;
    let mut phase = None;
    let status = loop {
        if child.is_none() && recorder.is_err() {
            break None;
        }
        let mark = match next(&events, due, child.as_ref())? {
            Event::Due => None,
            Event::Mark(mark) => Some(mark),
            Event::Stop => break None,
            Event::Ended(status) => break Some(status),
        };
        recorder = match recorder {
            Err(error) => Err(error),
            Ok(mut open) => source
                .take()
                .and_then(|taken| {
                    taken.vms.iter().cloned().for_each(|vm| known.add(vm));
                    let write = || {
                        taken.write(&mut open, mark.as_slice())?;
                        phase = mark.clone().or(phase.take());
                        match &mut rotation {
                            Some(rotation) if rotation.is_due(open.output())? => {
                                let last = with_identities(&mut known, taken)?;
                                let metadata = metadata(args, &header);
                                let phase = phase.as_slice();
                                rotation.rotate(open, &metadata, args.compression(), &last, phase)
                            }
                            _ => Ok(open),
                        }
                    };
                    write().map_err(error)
                })
                .inspect_err(|error| {
                    if child.is_some() {
                        ends_here(error);
                    }
                }),
        };
        if mark.is_none() {
            // Do not make up for missed snapshots.
            due = (due + args.interval).max(Instant::now());
        }
    };
    let late = marks.map_or_else(Vec::new, |marks| marks.end(&events));
    let status = status.map(shell_status);
    let mut recorder = match (recorder, status) {
        (Ok(recorder), _) => recorder,
        (Err(_), Some(status)) => return Ok(status),
        (Err(error), None) => return Err(error),
    };
    let last = source.take().and_then(|taken| {
        taken.write(&mut recorder, &late).map_err(error)?;
        recorder.end(&End { status }).map_err(error)
    });
    if let Some(why) = source.selection.as_ref().and_then(Selection::nothing) {
        crate::say!("exitstat: {}: {why}", args.output.display());
    }
    match (last, status) {
        (Ok(_), status) => Ok(status.unwrap_or(0)),
        (Err(error), Some(status)) => {
            crate::say!("exitstat: the recording lacks its end: {error}");
            Ok(status)
        }
        (Err(error), None) => Err(error),
    }
}

/// A snapshot, and new identities of the VMs in it.
#[derive(Clone, Default)]
struct Taken {
    bytes: Vec<u8>,
    vms: Vec<Entry>,
}

impl Taken {
    fn write(&self, recorder: &mut Recorder<impl Write>, marks: &[Mark]) -> io::Result<()> {
        self.vms.iter().try_for_each(|vm| recorder.vm(vm))?;
        marks.iter().try_for_each(|mark| recorder.mark(mark))?;
        recorder.snapshot(&self.bytes)
    }
}

/// Returns a snapshot with the identities of all its VMs, and forgets ended VMs.
fn with_identities(known: &mut Known, taken: Taken) -> io::Result<Taken> {
    let sample = Sample::parse(&taken.bytes)
        .map_err(|why| io::Error::other(device::Error::Snapshot(why)))?;
    let vms = keys(&sample.counts);
    known.retain(|key| vms.contains(&key));
    Ok(Taken {
        vms: known.entries(),
        ..taken
    })
}

/// Source of snapshots.
struct Snapshots {
    source: From,
    selection: Option<Selection>,
    names: bool,
}

enum From {
    Live(Live),
    Recording {
        path: PathBuf,
        reader: Box<Reader<BufReader<File>>>,
        last: Taken,
    },
}

impl Snapshots {
    fn open(args: &RecordArgs) -> Result<Self, Error> {
        let source = match &args.from {
            None => {
                let mut live = Live::open(&args.live)?;
                if args.capture.is_some() {
                    live.ask_for_details();
                }
                From::Live(live)
            }
            Some(path) => From::Recording {
                path: path.to_owned(),
                reader: Box::new(Reader::open(path)?),
                last: Taken::default(),
            },
        };
        Ok(Self {
            source,
            selection: Selection::new(args),
            names: !args.no_names,
        })
    }

    fn take(&mut self) -> Result<Taken, Error> {
        let mut taken = match &mut self.source {
            From::Live(live) => {
                let bytes = live.snapshot(None)?.to_vec();
                let vms = match self.names || self.selection.is_some() {
                    true => live.look(&bytes)?,
                    false => Vec::new(),
                };
                Taken { bytes, vms }
            }
            From::Recording { path, reader, last } => {
                let next = reader.next_bytes().map_err(|why| Error::Recording {
                    path: path.clone(),
                    why,
                })?;
                last.vms = reader.take_vms();
                if let Some(bytes) = next {
                    last.bytes = bytes;
                }
                last.clone()
            }
        };
        if let Some(selection) = &mut self.selection {
            taken = selection.reduce(&taken)?;
        }
        if !self.names {
            taken.vms.clear();
        }
        Ok(taken)
    }
}

/// Message from another thread.
enum Told {
    Signal(i32),
    Mark(Mark),
    /// All marks written before have been sent.
    NoMoreMarks,
}

/// Sends all signals received: those that end a recording, and SIGCHLD, because the command may have ended.
/// Returns an atomic that holds the last signal that ends a recording, or 0.
fn signals(sender: Sender<Told>) -> Result<Arc<AtomicI32>, Error> {
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGCHLD]);
    let mut signals = signals.map_err(Error::io("cannot wait for signals"))?;
    let stopped = Arc::new(AtomicI32::new(0));
    let stop = Arc::clone(&stopped);
    thread::spawn(move || {
        for signal in signals.forever() {
            if signal != SIGCHLD {
                stop.store(signal, Ordering::Relaxed);
            }
            if sender.send(Told::Signal(signal)).is_err() {
                break;
            }
        }
    });
    Ok(stopped)
}

/// The pipe for marks. It is removed afterwards, unless it existed before.
struct Marks {
    path: PathBuf,
    made: bool,
    writer: File,
}

/// A line that cannot be a mark, because its label would be empty.
const NO_MORE: &[u8] = b"\x04";

impl Marks {
    fn open(path: &Path, sender: &Sender<Told>) -> Result<Self, Error> {
        let error = |error| Error::io(format!("cannot read marks from {}", path.display()))(error);
        let made = match mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(errno) => return Err(error(errno.into())),
        };
        // Opening it for writing too never blocks, and prevents the end of file when a writer closes it.
        let writer = File::options().read(true).write(true).open(path);
        let writer = writer.map_err(error)?;
        if !writer.metadata().map_err(error)?.file_type().is_fifo() {
            return Err(error(io::Error::other("it is there, and no FIFO")));
        }
        let reader = BufReader::new(writer.try_clone().map_err(error)?);
        let sender = sender.clone();
        thread::spawn(move || {
            for line in reader.split(b'\n') {
                let told = match line {
                    Err(_) => break,
                    Ok(line) if line == NO_MORE => Told::NoMoreMarks,
                    Ok(line) => Told::Mark(Mark::new(&String::from_utf8_lossy(&line))),
                };
                if sender.send(told).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            path: path.to_owned(),
            made,
            writer,
        })
    }

    /// Returns the marks that are written but not handled yet.
    fn end(mut self, events: &Receiver<Told>) -> Vec<Mark> {
        let mut marks = Vec::new();
        // The first newline terminates an incomplete line.
        if self
            .writer
            .write_all(&[b"\n", NO_MORE, b"\n"].concat())
            .is_ok()
        {
            while let Ok(told) = events.recv_timeout(Duration::from_secs(1)) {
                match told {
                    Told::Mark(mark) => marks.push(mark),
                    Told::NoMoreMarks => break,
                    Told::Signal(_) => (),
                }
            }
        }
        marks.retain(|mark| !mark.label.is_empty());
        marks
    }
}

impl Drop for Marks {
    fn drop(&mut self) {
        if self.made {
            // If it cannot be removed, somebody else removed it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

enum Event {
    /// The next snapshot is due.
    Due,
    /// A phase begins.
    Mark(Mark),
    /// A signal requests the end, and no command runs.
    Stop,
    /// The command has ended.
    Ended(ExitStatus),
}

/// Waits for the next event.
fn next(events: &Receiver<Told>, due: Instant, child: Option<&Running>) -> Result<Event, Error> {
    loop {
        if let Some(child) = child {
            let ended = child.ended();
            if let Some(status) = ended.map_err(Error::io("cannot wait for the command"))? {
                return Ok(Event::Ended(status));
            }
        }
        let left = due.saturating_duration_since(Instant::now());
        let told = match events.recv_timeout(left) {
            Ok(Told::Mark(mark)) if mark.label.is_empty() => continue,
            Ok(Told::Mark(mark)) => return Ok(Event::Mark(mark)),
            Ok(Told::NoMoreMarks) => continue,
            Ok(Told::Signal(signal)) => Ok(signal),
            Err(why) => Err(why),
        };
        match (told, child) {
            (Ok(SIGCHLD), _) => (),
            (Ok(_), None) => return Ok(Event::Stop),
            // The terminal sends Ctrl-C to the command, too. Other signals reach only exitstat and are
            // forwarded. The command decides whether to end.
            (Ok(SIGINT), Some(_)) => (),
            (Ok(signal), Some(child)) => child.signal(signal),
            (Err(RecvTimeoutError::Timeout), _) => return Ok(Event::Due),
            // Unreachable: the other thread never ends.
            (Err(RecvTimeoutError::Disconnected), _) => {
                thread::sleep(left.min(Duration::from_millis(100)));
            }
        }
    }
}

/// Returns the exit status as a shell reports it.
fn shell_status(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(FAILED),
        (None, Some(signal)) => signal_status(signal),
        (None, None) => FAILED,
    }
}

/// Returns the exit status for a signal.
fn signal_status(signal: i32) -> u8 {
    u8::try_from(signal + 128).unwrap_or(FAILED)
}

impl RecordArgs {
    fn compression(&self) -> Compression {
        match self.uncompressed {
            true => Compression::None,
            false => Compression::Deflate,
        }
    }
}

fn metadata(args: &RecordArgs, header: &Header) -> Metadata {
    let parameters = ["kvm", "kvm_intel", "kvm_amd", "kvm_exitstat"].into_iter();
    Metadata {
        schema: 1,
        exitstat: env!("CARGO_PKG_VERSION").to_owned(),
        started: jiff::Timestamp::now().to_string(),
        command_line: env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect(),
        hostname: args.hostname.then(|| {
            let name = rustix::system::uname();
            name.nodename().to_string_lossy().into_owned()
        }),
        kernel: {
            let name = rustix::system::uname();
            name.release().to_string_lossy().into_owned()
        },
        source: CountedBy::of(header).to_string(),
        vendor: vendor(header.isa()).to_owned(),
        parameters: parameters
            .map(|module| (module.to_owned(), parameters_of(module)))
            .filter(|(_, parameters)| !parameters.is_empty())
            .collect(),
        interval_ns: u64::try_from(args.interval.as_nanos()).unwrap_or(u64::MAX),
    }
}

/// Returns the readable parameters of a module.
fn parameters_of(module: &str) -> BTreeMap<String, String> {
    let directory = Path::new("/sys/module").join(module).join("parameters");
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let value = fs::read_to_string(entry.path()).ok()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((name, value.trim_end().to_owned()))
        })
        .collect()
}
