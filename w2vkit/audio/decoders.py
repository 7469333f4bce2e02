"""Decode audio files block by block. The content of a file decides how it is read, never its name.

libsndfile reads uncompressed sound (WAV, AIFF, AU and others), FFmpeg (PyAV) everything else. FFmpeg opens only the demuxers
of `DEMUXERS`, none of which reads a second file, and no protocol: playlists, scripts and addresses are refused. Lengths that a
header merely estimates limit nothing.
"""

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import numpy as np

from w2vkit.audio.containers import Part, finished, has_several_sounds, parts, stated_frames, stated_share, without_rest
from w2vkit.errors import AudioError, W2VKitError, brief

Note = Callable[[str], None]  # called with one sentence about what is missing, or was chosen, in a source
Block = tuple[int, np.ndarray]  # samples per second (Hz), and (channels, n) float32 samples

BLOCK_SAMPLES = 2**20  # of all channels together; how much of a source is decoded at a time
MAX_CHANNELS = 6  # 5.1 surround; more is a microphone array, whose mean is not speech
RATES = (1_000, 192_000)  # Hz; no file of speech has fewer or more samples per second
GAP_SECONDS = 0.1  # s; smaller differences of timestamps are rounding
MAX_GAP_SECONDS = 3600.0  # s; a larger jump of timestamps is damage, or a clock that did not start at 0
EARLY_SECONDS = 0.5  # s; encoders pad and headers round
TIME_BASE = 1_000_000  # per second; what FFmpeg counts the times of a container in
ERRORS_IN_A_ROW = 10  # of a demuxer, after which it is given up
DEMUXERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,eac3,flac,flv,ircam,loas,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,"
    "mxf,nistsphere,nut,ogg,qcp,rm,shn,tak,truehd,tta,voc,w64,wav,wv"
)
FROM_ZERO = {"avi", "matroska", "mov"}  # their timestamps count from the beginning of the file
FROM_START = {"asf", "flac", "flv", "mpeg", "mpegts", "ogg", "rm"}  # theirs count from the first one in the file
WITHOUT_GAPS = {"flac", "ogg"}  # where timestamps of these jump, something was lost
ESTIMATED = {"aac", "ac3", "amr", "amrnb", "amrwb", "avi", "dts", "eac3", "flv", "loas", "mp3", "mpeg", "mpegts", "ogg"}
UNREADABLE = (
    "{name} could not be read as audio. It is damaged, or not an audio file. "
    "Play it in a player to check, and export it as WAV, FLAC, MP3, OGG, M4A or WebM."
)


@dataclass(frozen=True)
class OpenAudio:
    """An opened source of audio, of which nothing has been decoded yet.

    Attributes
    ----------
    seconds : float or None
        The duration, if the source states it.
    blocks : generator of (int, numpy.ndarray)
        Samples per second (Hz), which may change from block to block, and (channels, n) float32 samples. Decoding happens
        while it is read.
    file : binary file or None
        Where they come from.
    """

    seconds: float | None
    blocks: Generator[Block, None, None]
    file: BinaryIO | None = None

    def close(self) -> None:
        """Close the decoder and the file."""
        self.blocks.close()
        if self.file:
            self.file.close()


def open_file(file: BinaryIO, name: str, *, note: Note, track: int | None = None) -> OpenAudio:
    """Open an audio file with the decoder for its content.

    Parameters
    ----------
    file : seekable binary file
        It is closed with the `OpenAudio`, or if it cannot be opened.
    name : str
        The name of the file in messages.
    note : callable
        Called with a sentence about what is missing, or was chosen. Most notes come with the last block.
    track : int, optional
        Which audio track to decode, from 1; the default track otherwise.

    Returns
    -------
    OpenAudio

    Raises
    ------
    AudioError
        No decoder knows the file, it has no such track, too many channels, or an impossible rate. Libraries can raise other
        exceptions here and while blocks are read; see `one_error`.
    """
    with ExitStack() as on_error:
        on_error.callback(file.close)
        first, *others = parts(file)
        opened = _open_part(first, name, note, track)
        if others:
            opened = OpenAudio(None, _all_parts(opened, others, name, note, track))
        on_error.pop_all()
    return OpenAudio(opened.seconds, opened.blocks, file)


def _open_part(part: Part, name: str, note: Note, track: int | None) -> OpenAudio:
    part, less = finished(part)
    if less:
        note(f"{name} holds more sound than its header states; its recorder may have been interrupted. All of it was read.")
    part.seek(0)
    head = part.read(4)
    # Of these libsndfile reads one part, up to an estimated length; and its decoders of MP3 and SDS print to the terminal.
    compressed = head.startswith((b"OggS", b"fLaC", b"ID3", b"\xf0\x7e")) or (head[:1] == b"\xff" and head[1:2] >= b"\xe0")
    if has_several_sounds(part):
        note(f"{name} holds several chunks of sound, and a WAV has one. Only the last was read. Export it again.")
    opened = None if compressed else _open_with_libsndfile(without_rest(part), name, note, track)
    return opened or _open_with_ffmpeg(part, name, note, track)


def _all_parts(first: OpenAudio, others: list[Part], name: str, note: Note, track: int | None) -> Generator[Block, None, None]:
    """Give the blocks of a file and of the files that were joined to it; note the first part that cannot be read."""
    seconds = 0.0
    for rate, block in first.blocks:
        seconds += block.shape[1] / rate
        yield rate, block
    for number, part in enumerate(others, start=2):
        label = f"Part {number} of {name}"
        try:
            with one_error(label):
                for rate, block in _open_part(part, label, note, track).blocks:
                    seconds += block.shape[1] / rate
                    yield rate, block
        except AudioError as error:
            note(f"{name} was joined from {len(others) + 1} files. What follows {seconds:.1f} s was not read. {error}")
            return


@contextmanager
def one_error(name: str) -> Iterator[None]:
    """Turn any exception of a library into an `AudioError`."""
    try:
        yield
    except W2VKitError:
        raise
    except Exception as error:
        raise AudioError(f"{UNREADABLE.format(name=name)} ({brief(error)})") from error


def to_float32(samples: np.ndarray) -> np.ndarray:
    """Scale samples to float32 in [-1, 1] by their dtype; floating-point samples keep their values."""
    if samples.dtype == np.uint8:  # unsigned, with silence at 128
        return (samples.astype(np.float32) - 128) / 128
    if samples.dtype.kind == "i":
        return np.multiply(samples, -1 / np.iinfo(samples.dtype).min, dtype=np.float32, casting="unsafe")
    return samples.astype(np.float32, copy=False)


def _check(rate: int, channels: int, name: str) -> None:
    if not RATES[0] <= rate <= RATES[1]:
        raise AudioError(
            f"{name} has a sampling rate of {rate} Hz, which is not between {RATES[0]} and {RATES[1]} Hz. "
            "Export it again with a usual rate, such as 16000 or 48000 Hz."
        )
    if channels > MAX_CHANNELS:
        raise AudioError(
            f"{name} has {channels} channels; at most {MAX_CHANNELS} can be mixed down. "
            "Choose the channels that hold the voice and export them as mono or stereo."
        )


def _open_with_libsndfile(file: Part, name: str, note: Note, track: int | None) -> OpenAudio | None:
    """Open uncompressed sound; None if it is something else."""
    import soundfile

    share, frames = stated_share(file), stated_frames(file)
    file.seek(0)
    try:
        opened = soundfile.SoundFile(cast(BinaryIO, file))
    except (soundfile.LibsndfileError, TypeError):
        return None
    if opened.format in ("FLAC", "MP3", "OGG", "XI") or opened.subtype.startswith("MPEG") or not 0 < opened.frames < 2**62:
        opened.close()
        return None
    _check(opened.samplerate, opened.channels, name)
    _check_track(track, 1, name)
    seconds = opened.frames / opened.samplerate
    if (missing := max(seconds * (share - 1), frames / opened.samplerate - seconds)) > EARLY_SECONDS:
        note(_ends_early(name, seconds, seconds + missing))
    return OpenAudio(seconds, _libsndfile_blocks(opened))


def _libsndfile_blocks(opened: Any) -> Generator[Block, None, None]:
    with opened:
        while len(block := opened.read(BLOCK_SAMPLES // opened.channels, dtype="float32", always_2d=True)):
            yield opened.samplerate, block.T


def _open_with_ffmpeg(file: Part, name: str, note: Note, track: int | None) -> OpenAudio:
    try:
        import av
        from av.error import FFmpegError
        from av.stream import Disposition
    except ImportError as error:
        raise AudioError(f"{name} needs FFmpeg's decoders. Install them with: pip install av") from error
    frames, share = _mp3_frames(file), stated_share(file)
    file.seek(0)
    options = {"format_whitelist": DEMUXERS, "protocol_whitelist": ""}
    try:
        container = av.open(file, "r", options=options, metadata_errors="replace")
    except FFmpegError as error:
        raise AudioError(UNREADABLE.format(name=name)) from error
    tracks = [stream for stream in container.streams.audio if stream.codec_context is not None]
    if not tracks:
        if container.streams.audio:
            raise AudioError(f"The audio of {name} has an unknown codec, or a sampling rate of 0 Hz. Export it as WAV or FLAC.")
        raise AudioError(f"{name} has no audio track. Choose a file that has one.")
    _check_track(track, len(tracks), name)
    default = next((stream for stream in tracks if stream.disposition & Disposition.default), tracks[0])
    chosen = tracks[track - 1] if track else default
    if len(tracks) > 1 and not track:
        note(
            f"{name} has {len(tracks)} audio tracks. Track {tracks.index(chosen) + 1} was taken; "
            "choose another with --track N (track=N in Python)."
        )
    context = chosen.codec_context
    if context.name == "flac":  # without it, damaged frames are decoded to noise
        context.options = {"err_detect": "crccheck+explode"}
    _check(context.sample_rate, context.channels, name)
    demuxer = container.format.name.split(",")[0]
    seconds = container.duration / TIME_BASE if container.duration and demuxer not in ESTIMATED else None
    if demuxer == "mp3" and frames and context.sample_rate:
        seconds = frames * context.frame_size / context.sample_rate
    # FFmpeg takes what there is of such a CAF or VOC for all of it.
    less = demuxer in ("caf", "voc") and context.name.startswith("pcm")
    promised = seconds * max(1.0, share) if seconds and less else seconds
    return OpenAudio(seconds, _joined(_ffmpeg_parts(container, chosen, demuxer, name, promised, note, file.cut_off)))


def _mp3_frames(file: Part) -> int:
    """Give the number of frames that the first frame of an MP3 states, after an ID3v2 tag; 0 if it states none."""
    file.seek(0)
    head = file.read(10)
    size = sum(byte << 7 * index for index, byte in enumerate(reversed(head[6:])))  # seven bits in each byte
    file.seek(10 + size if head[:3] == b"ID3" else 0)
    frame = file.read(64)
    start = max(frame.find(b"Xing"), frame.find(b"Info"))
    return int.from_bytes(frame[start + 8 : start + 12], "big") if start > 0 and frame[start + 7] & 1 else 0


def _ffmpeg_parts(
    container: Any, track: Any, demuxer: str, name: str, promised: float | None, note: Note, cut_off: bool
) -> Iterator[tuple[int, np.ndarray]]:
    """Decode a track at the times of its container: a late start, a gap or a lost packet is silence."""
    from av.error import FFmpegError

    position = 0.0  # s; duration of what was decoded
    origin = (container.start_time or 0) / TIME_BASE if demuxer in FROM_START else 0.0  # s; the timestamp of position 0
    timed = demuxer in FROM_START | FROM_ZERO
    first, lost, gaps = math.inf, 0.0, 0.0  # s; position of the first damage, duration of lost packets and of lost time
    with container:
        for packet in _packets(container, track):
            try:
                frames = packet.decode() if packet else []
            except FFmpegError:
                frames, damaged = [], not _is_tag(packet)
            else:
                damaged = packet is None or (demuxer == "mpegts" and packet.is_corrupt)
            if damaged:
                first = min(first, position)
                lost += float((packet.duration or 0) * packet.time_base) if packet else 0.0
            for frame in frames:
                rate, channels = frame.sample_rate, frame.layout.nb_channels
                if position and channels > MAX_CHANNELS:  # 30 channels in one frame, after frames of 2: damage
                    first, lost = min(first, position), lost + frame.samples / rate
                    continue
                _check(rate, channels, name)  # before `to_ndarray`: PyAV ends the process where there are more than 8 planes
                planes = frame.to_ndarray()
                samples = to_float32(planes if frame.format.is_planar else planes.reshape(-1, channels).T)
                if timed and frame.time is not None:
                    ahead = frame.time - origin - position
                    if not -GAP_SECONDS < ahead < MAX_GAP_SECONDS:  # another part with times of its own
                        origin = frame.time - position
                    elif ahead > GAP_SECONDS:
                        if demuxer in WITHOUT_GAPS:
                            first, gaps = min(first, position), gaps + ahead
                        yield rate, np.broadcast_to(np.float32(0), (len(samples), round(ahead * rate)))
                        position += ahead
                yield rate, samples
                position += samples.shape[1] / rate
    if not position and first < math.inf:
        raise AudioError(UNREADABLE.format(name=name))
    missing = (promised or 0.0) - position
    if first < math.inf:
        note(
            f"{name} is damaged: {max(lost, gaps, missing, 0.1):.1f} s of it could not be decoded, the first at {first:.1f} s. "
            "Copy or download it again."
        )
    elif promised and missing > EARLY_SECONDS:
        note(_ends_early(name, position, promised))
    elif cut_off:
        note(f"{name} ends early, within a packet of sound at {position:.1f} s. Copy or download it again.")


def _packets(container: Any, track: Any) -> Iterator[Any]:
    """Give the packets of a track, and None where the container is damaged."""
    from av.error import FFmpegError

    errors = 0
    while errors < ERRORS_IN_A_ROW:
        try:
            for packet in container.demux(track):
                errors = 0
                yield packet
            return
        except FFmpegError:
            errors += 1
            yield None


def _is_tag(packet: Any) -> bool:
    """Whether a packet is a tag, or the frame without sound in which an MP3 states its length: where files were joined."""
    head = bytes(packet)[:64]
    return head.startswith((b"ID3", b"TAG", b"APETAGEX")) or any(name in head for name in (b"Xing", b"Info", b"VBRI"))


def _joined(parts: Iterator[Block]) -> Generator[Block, None, None]:
    """Join parts of any length to blocks; one ends where rate or channels change."""
    rate, block, filled = 0, np.empty((0, 0), np.float32), 0
    for new_rate, part in parts:
        if new_rate != rate or len(part) != len(block):
            if filled:
                yield rate, block[:, :filled]
            rate, filled = new_rate, 0
            block = np.empty((len(part), BLOCK_SAMPLES // max(1, len(part))), np.float32)
        start = 0
        while start < part.shape[1]:
            taken = min(part.shape[1] - start, block.shape[1] - filled)
            block[:, filled : filled + taken] = part[:, start : start + taken]
            start, filled = start + taken, filled + taken
            if filled == block.shape[1]:
                yield rate, block
                block, filled = np.empty_like(block), 0
    if filled:
        yield rate, block[:, :filled]


def _ends_early(name: str, seconds: float, promised: float) -> str:
    lengths = f"Its header promises {promised:.1f} s, but only {seconds:.1f} s are there."
    return f"{name} ends early. {lengths} Copy or download it again."


def _check_track(track: int | None, tracks: int, name: str) -> None:
    if track is not None and not 1 <= track <= tracks:
        raise AudioError(f"{name} has no audio track {track}. Give a number from 1 to {tracks}, or leave it out (--track).")
