"""Sets the engine up in Qt's event loop: installation.py says what to do, and this does it.

Krita's own Python is never used: it has no pip, and packages installed into it would break Krita.
"""

from __future__ import annotations

from impasto_client.engine_install import bundled_wheel
from impasto_client.i18n import i18n
from impasto_client.installation import Command, Computer, DiskProgress, Download, Setup, SetupError, missing_bytes

from .engine_process import engine_environment
from .file_download import FileDownload
from .qt import QtCore

_MAX_OUTPUT = 65536  # characters that are kept of a program's output
_PROGRESS_MS = 500


class EngineSetup(QtCore.QObject):
    """Runs the installation step by step.

    Signals: `log(line)`, `progress(fraction, text)`, and `finished(problem)` with a sentence about what went wrong, empty
    after success.
    """

    log = QtCore.pyqtSignal(str)
    progress = QtCore.pyqtSignal(float, str)
    finished = QtCore.pyqtSignal(str)

    def __init__(self, folder: str, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._setup: Setup | None = None
        self._running_step: QtCore.QProcess | FileDownload | None = None
        self._disk_progress: DiskProgress | None = None
        self._output = ""  # the end of what the last program has printed
        self._timer = QtCore.QTimer(self)
        self._timer.timeout.connect(self._report_progress)

    @property
    def details(self) -> str:
        """The end of the output of the last step."""
        return self._output

    @property
    def running(self) -> bool:
        return self._setup is not None

    def start(self) -> None:
        """Begin the installation, unless it is running."""
        if self.running:
            return
        wheel = bundled_wheel()
        if wheel is None:
            text = i18n("This copy of the plugin does not contain the engine. Get the zip from the project's page.")
            self.finished.emit(text)
            return
        computer = Computer.this()
        self._setup = Setup(self._folder, wheel, computer)
        self._disk_progress = DiskProgress(self._folder, missing_bytes(computer, self._folder))
        self._timer.start(_PROGRESS_MS)
        self.log.emit(f"Installing into {self._folder}")
        self._next()

    def cancel(self) -> None:
        """Stop the installation and restore the previous engine."""
        step, self._running_step = self._running_step, None
        if isinstance(step, QtCore.QProcess):
            step.finished.disconnect()
            step.errorOccurred.disconnect()
            step.kill()
            step.waitForFinished(1000)
        elif step is not None:
            step.stop()
        if self.running:
            self._end(i18n("The installation was stopped. What is complete is not downloaded again."))

    def _next(self) -> None:
        """Begin the next step."""
        setup = self._setup
        assert setup is not None
        self._output = ""
        try:
            step = setup.next_step()
            if step is None:
                self.log.emit("The engine is ready")
                self._end("")
            elif isinstance(step, Download):
                self._download(step)
            else:
                self._run(step)
        except SetupError as error:
            self._end(str(error))
        except (OSError, RuntimeError) as error:  # of the download
            self._fail(str(error))

    def _fail(self, output: str) -> None:
        """End after a failed step, with the sentence about its output."""
        assert self._setup is not None
        self._output = output
        self._end(self._setup.explain(output))

    def _end(self, problem: str) -> None:
        setup, self._setup = self._setup, None
        self._timer.stop()
        if problem and setup is not None:
            setup.undo()
        self.finished.emit(problem)

    def _report_progress(self) -> None:
        if self._disk_progress is not None and not isinstance(self._running_step, FileDownload):
            text = self._disk_progress.update()
            self.progress.emit(self._disk_progress.fraction, text)

    def _report_download(self, received: float, total: float) -> None:
        self.progress.emit(0.0, f"uv, {received / 1e6:.0f} of {total / 1e6:.0f} MB")

    def _download(self, step: Download) -> None:
        self.log.emit(f"Downloading {step.url}")
        download = FileDownload(step.url, step.part, self)

        def on_end(problem: str) -> None:
            if self._running_step is not download:
                return
            self._running_step = None
            download.deleteLater()
            if problem:
                self.log.emit(problem)
                self._fail(problem)
            else:
                self._next()

        download.progress.connect(self._report_download)
        download.finished.connect(on_end)
        self._running_step = download
        download.start()

    def _run(self, step: Command) -> None:
        """Run a command and log its lines. A program that cannot be started counts as failed."""
        self.log.emit(" ".join(step.arguments))
        process = QtCore.QProcess(self)
        environment = engine_environment()
        for name, value in step.environment.items():
            environment.insert(name, value)
        process.setProcessEnvironment(environment)
        process.setProcessChannelMode(QtCore.QProcess.ProcessChannelMode.MergedChannels)

        def read_output() -> None:
            text = bytes(process.readAllStandardOutput()).decode("utf-8", "replace")
            self._output = (self._output + text)[-_MAX_OUTPUT:]
            for line in text.splitlines():
                if line.strip():
                    self.log.emit(line.rstrip())

        def on_end(succeeded: bool) -> None:
            if self._running_step is not process:
                return
            read_output()
            self._running_step = None
            process.deleteLater()
            if succeeded:
                self._next()
            else:
                self._fail(self._output or process.errorString())

        process.readyReadStandardOutput.connect(read_output)
        process.finished.connect(lambda code, status: on_end(code == 0 and status == QtCore.QProcess.ExitStatus.NormalExit))
        process.errorOccurred.connect(
            lambda error: on_end(False) if error == QtCore.QProcess.ProcessError.FailedToStart else None
        )
        self._running_step = process
        process.start(step.arguments[0], step.arguments[1:])
