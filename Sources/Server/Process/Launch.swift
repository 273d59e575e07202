// From the command line to a running node: what is read, in which order, and how a mistake is told.

internal import CSystem
internal import Commands
internal import Configuration
internal import Glibc

/// Starting the server as redis-server is started.
public enum Launch {
    /// Runs the server; ends the process.
    ///
    /// - Parameter arguments: behind the program's name: `[redis.conf | -] [--directive value ...]`.
    public static func server(_ arguments: [String]) -> Never {
        switch Invocation(arguments: arguments.map { Array($0.utf8) }) {
        case .version:
            print("\(Product.name) server v=\(Product.version) compatible=\(Product.compatibleVersion) bits=64")
            exit(0)
        case .help:
            print(usage)
            exit(0)
        case .run(let sources): run(sources)
        }
    }

    private static let usage = """
        Usage: apus server [/path/to/redis.conf] [--directive value ...] [-]
               apus server -             (the configuration comes from standard input)
               apus server -v or --version
               apus server -h or --help

        Examples:
               apus server               (the defaults of redis-server 7)
               apus server /etc/redis/redis.conf
               apus server --port 7777
               apus server --port 7000 --cluster-enabled yes --shards 2
        """

    private static func run(_ sources: Invocation.Sources) -> Never {
        let path = sources.file.map(absolute)
        do throws(LoadingError) {
            let text = try text(of: sources)
            var (configuration, withoutEffect) = try Configuration.load(text, in: environment)
            if configuration.directory.isEmpty { configuration.directory = Files.workingDirectory() ?? "." }
            if configuration.daemonizes { detach() }
            if configuration.avoidsHugePages { apus_refuse_huge_pages() }
            apus_allocate_in_background()  // in the process that stays: a thread does not survive a fork
            let log = Log()
            log.level = Log.Level(configuration.logLevel)
            log.setPath(configuration.logFile)
            checkLogFile(configuration.logFile)
            let title = configuration.setsProcessTitle ? ProcessTitle() : nil
            let node = Node(configuration: configuration, path: path, log: log, title: title)
            node.writePIDFile()
            node.run(withoutEffect: withoutEffect)
        } catch {
            fail(error.text(product: "\(Product.name) \(Product.version)"))
        }
    }

    private static func fail(_ text: String) -> Never {
        _ = unsafe Array(text.utf8).withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
        exit(1)
    }

    private static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : "\(Files.workingDirectory() ?? ".")/\(path)"
    }

    private static func text(of sources: Invocation.Sources) throws(LoadingError) -> [UInt8] {
        var file: [UInt8] = []
        if let path = sources.file {
            guard let bytes = Files.read(path) else {
                throw .unreadable(path: path, reason: unsafe String(cString: strerror(errno)))
            }
            file = bytes
        }
        let input = sources.readsStandardInput ? Files.readAll(STDIN_FILENO) ?? [] : []
        return sources.text(file: file, standardInput: input)
    }

    private static var environment: LoadingEnvironment {
        let names = Set(CommandFamilies.all.joined().map(\.name))
        return LoadingEnvironment(
            read: { path throws(Refusal) in
                guard let bytes = Files.read(path) else { throw Refusal(unsafe String(cString: strerror(errno))) }
                return bytes
            },
            expand: Files.expand,
            enterDirectory: { path throws(Refusal) in
                guard unsafe chdir(path) == 0, let directory = Files.workingDirectory() else {
                    throw Refusal(unsafe String(cString: strerror(errno)))
                }
                return directory
            },
            isCommand: { names.contains($0) }
        )
    }

    /// A log that cannot be written must not be found out later.
    private static func checkLogFile(_ path: String) {
        guard !path.isEmpty else { return }
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard file >= 0 else {
            fail(
                "\n*** FATAL CONFIG FILE ERROR (\(Product.name) \(Product.version)) ***\n"
                    + "Can't open the log file: " + (unsafe String(cString: strerror(errno))) + "\n"
            )
        }
        close(file)
    }

    /// Leaves the terminal: the child goes on, with /dev/null for its standard files.
    private static func detach() {
        switch fork() {
        case -1: fail("Can't daemonize: " + (unsafe String(cString: strerror(errno))) + "\n")
        case 0: break
        default: exit(0)
        }
        setsid()
        let null = unsafe open("/dev/null", O_RDWR)
        guard null >= 0 else { return }
        for file in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] { dup2(null, file) }
        if null > STDERR_FILENO { close(null) }
    }
}

extension Node {
    /// Redis's default for a server that leaves the terminal.
    var pidFilePath: String {
        configuration.pidFile.isEmpty && configuration.daemonizes ? "/var/run/redis.pid" : configuration.pidFile
    }

    func writePIDFile() {
        guard !pidFilePath.isEmpty else { return }
        do throws(SystemError) {
            try Files.replace(pidFilePath, with: Array("\(getpid())\n".utf8), syncing: false)
            isPIDFileWritten = true
        } catch {
            log.warning("Failed to write PID file: \(error.reason)")
        }
    }
}
