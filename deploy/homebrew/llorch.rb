# Filled in by `deno task release`; `brew install --formula ./llorch.rb` installs it.
class Llorch < Formula
  desc "Self-hosted LLM inference on a few machines"
  homepage "https://llorch.org"
  version "@VERSION@"
  license "Apache-2.0"

  on_macos do
    on_arm do
      url "@URL@/llorch-@VERSION@-aarch64-apple-darwin.tar.gz"
      sha256 "@SHA256_AARCH64_APPLE_DARWIN@"
    end
    on_intel do
      url "@URL@/llorch-@VERSION@-x86_64-apple-darwin.tar.gz"
      sha256 "@SHA256_X86_64_APPLE_DARWIN@"
    end
  end

  def install
    bin.install Dir["bin/*"]
    # Settings that somebody changed stay; the new ones lie beside them.
    (etc/"llorch").install Dir["etc/llorch/*.toml"]
    man1.install Dir["share/man/man1/*"]
    man8.install Dir["share/man/man8/*"]
    bash_completion.install "share/bash-completion/completions/llorch"
    zsh_completion.install "share/zsh/vendor-completions/_llorch"
    fish_completion.install "share/fish/vendor_completions.d/llorch.fish"
    # They name the places below /usr/local, and Homebrew has its own.
    lists = Dir["share/llorch/*.plist"]
    inreplace lists, "/usr/local/bin/", "#{opt_bin}/"
    inreplace lists, "/usr/local/etc/", "#{etc}/"
    inreplace lists, "/usr/local/var/", "#{var}/"
    pkgshare.install lists
    doc.install Dir["share/doc/llorch/*"]
  end

  def post_install
    %w[lib/llorch/orchestratord lib/llorch/pool-managerd lib/llorch/models cache/llorch log/llorch]
      .each { |folder| (var/folder).mkpath }
  end

  service do
    run [opt_bin/"orchestratord", "--config=#{etc}/llorch/orchestrator.toml",
         "--state-dir=#{var}/lib/llorch/orchestratord"]
    keep_alive successful_exit: false
    environment_variables LLORCH_RUNTIME_DIR: "#{var}/cache/llorch"
    log_path var/"log/llorch/orchestratord.log"
    error_log_path var/"log/llorch/orchestratord.log"
  end

  def caveats
    <<~TEXT
      `brew services start llorch` runs the orchestrator. On each Mac with models, run its pool
      manager too:
        ln -s #{opt_pkgshare}/org.llorch.pool-managerd.plist ~/Library/LaunchAgents/
        launchctl bootstrap gui/$UID ~/Library/LaunchAgents/org.llorch.pool-managerd.plist
    TEXT
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/llorch --version")
  end
end
