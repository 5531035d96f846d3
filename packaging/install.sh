#!/bin/sh
# Installs mcp-sse for this machine:
#
#   curl -fsSL https://WHERE/install.sh | MCP_SSE_DOWNLOAD_URL=https://WHERE sh
#
# MCP_SSE_DOWNLOAD_URL  the directory with the executables and SHA256SUMS (a release knows its own)
# MCP_SSE_INSTALL_DIR   where to put it (default: /usr/local/bin for root, else ~/.local/bin)
#
# Needs curl or GNU wget, and sha256sum or shasum. What does not have the sum of SHA256SUMS is not installed.
# Everything is in functions and the last line calls: of a script that was cut off on its way nothing runs.
set -eu

DOWNLOAD_URL=''
newline='
'

say() { printf '%s\n' "mcp-sse: $*" >&2; }

fail() {
  say "$1"
  [ -z "${2:-}" ] || printf '%s\n' "Try: $2" >&2
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# linux-x64, linux-arm64-musl, macos-arm64
platform() {
  case "$(uname -s)" in
    Linux) os=linux ;;
    Darwin) os=macos ;;
    *) fail "there is no executable for $(uname -s) that this script installs." "download ...-windows-x64.exe from $url" ;;
  esac
  case "$(uname -m)" in
    x86_64 | amd64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "there is no executable for the processor $(uname -m)." 'npm install -g mcp-sse-server' ;;
  esac
  # A shell that Rosetta translates says x86_64 on an Apple processor.
  if [ "$os" = macos ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || true)" = 1 ]; then arch=arm64; fi
  printf '%s' "$os-$arch"
  if [ "$os" = linux ] && is_musl; then printf '%s' -musl; fi
}

# ldd names its libc. Files do not tell: Debian can have musl beside glibc, and Alpine glibc's loader beside musl.
is_musl() {
  if has ldd; then
    case "$(ldd --version 2>&1 || true)" in
      *musl*) return 0 ;;
      *) return 1 ;;
    esac
  fi
  for loader in /lib/ld-musl-*; do [ -e "$loader" ] && return 0; done
  return 1
}

# Plain http would let everyone on the way choose both the executable and its sum.
check_url() {
  case "$url" in
    https://?* | http://127.0.0.1 | http://127.0.0.1/* | http://localhost | http://localhost/*) return ;;
    http://127.0.0.1:* | http://localhost:*)
      # http://localhost:x@elsewhere is elsewhere.
      port=${url#http://*:}
      case "${port%%/*}" in
        '' | *[!0-9]*) ;;
        *) return ;;
      esac
      ;;
    '') fail 'MCP_SSE_DOWNLOAD_URL is not set: where is the release?' 'MCP_SSE_DOWNLOAD_URL=https://WHERE sh install.sh' ;;
  esac
  fail "MCP_SSE_DOWNLOAD_URL is not an https URL: $url" 'MCP_SSE_DOWNLOAD_URL=https://WHERE sh install.sh'
}

# BusyBox's wget takes any certificate. Of others than GNU's nobody knows.
check_tools() {
  if has curl; then return; fi
  has wget || fail 'neither curl nor wget is here.' 'install one of them'
  case "$url" in
    https://*) ;;
    *) return ;;
  esac
  case "$(wget --version 2>/dev/null || true)" in
    *'GNU Wget'*) ;;
    *) fail 'the wget of this system does not check certificates, so anyone on the way could send something else; nothing was installed.' 'install curl (apk add curl, apt-get install curl), and run it again' ;;
  esac
}

# fetch URL FILE
fetch() {
  if has curl; then
    case "$1" in
      https://*) curl -fsSL --retry 2 --connect-timeout 20 --proto '=https' -o "$2" "$1" ;;
      *) curl -fsSL --connect-timeout 20 -o "$2" "$1" ;;
    esac
  else
    case "$1" in
      https://*) fetch_by_https "$1" "$2" ;;
      *) wget -q -O "$2" "$1" ;;
    esac
  fi
}

# wget follows a redirect from https to http, and its --https-only is about links in pages.
fetch_by_https() {
  from=$1
  for _ in 1 2 3 4 5 6; do
    if wget -nv -S --max-redirect=0 -O "$2" "$from" 2>"$2.head"; then return 0; fi
    from=$(sed -n 's/^ *[Ll]ocation: *\([^[:space:]]*\).*/\1/p' "$2.head" | tail -n 1)
    case "$from" in
      https://*) ;;
      *)
        cat "$2.head" >&2
        return 1
        ;;
    esac
  done
  return 1
}

sum_of() {
  if has sha256sum; then
    sha256sum <"$1" | cut -d ' ' -f 1
  elif has shasum; then
    shasum -a 256 <"$1" | cut -d ' ' -f 1
  else
    fail 'neither sha256sum nor shasum is here, so nothing can be verified.' 'install coreutils or perl'
  fi
}

# The one line of SHA256SUMS that is for $1: "DIGEST  mcp-sse-VERSION-$1"
line_for() {
  grep -E "^[0-9a-f]{64}  mcp-sse-[0-9][0-9A-Za-z.+-]*-$1\$" "$2" || true
}

where_to() {
  if [ -n "${MCP_SSE_INSTALL_DIR:-}" ]; then
    printf '%s' "$MCP_SSE_INSTALL_DIR"
  elif [ "$(id -u)" = 0 ]; then
    printf '%s' /usr/local/bin
  else
    printf '%s' "${HOME:?mcp-sse: HOME is not set; set MCP_SSE_INSTALL_DIR}/.local/bin"
  fi
}

work=''
clean() { [ -z "$work" ] || rm -rf "$work"; }

main() {
  url=${MCP_SSE_DOWNLOAD_URL:-$DOWNLOAD_URL}
  url=${url%/}
  check_url
  check_tools
  platform=$(platform)
  dir=$(where_to)
  mkdir -p "$dir" || fail "$dir cannot be made." 'MCP_SSE_INSTALL_DIR=<a directory of yours> sh install.sh'

  # Beside its place: put there by a rename, it is whole or not there, and a /tmp without exec does not matter.
  work=$(mktemp -d "$dir/.mcp-sse-install.XXXXXX") ||
    fail "$dir cannot be written to." 'MCP_SSE_INSTALL_DIR=<a directory of yours> sh install.sh'
  trap clean EXIT
  trap 'exit 130' INT
  trap 'exit 143' HUP TERM

  fetch "$url/SHA256SUMS" "$work/SHA256SUMS" || fail "$url/SHA256SUMS cannot be fetched, so nothing can be verified; nothing was installed." "curl -fsSL $url/SHA256SUMS"
  line=$(line_for "$platform" "$work/SHA256SUMS")
  case "$line" in
    '') fail "SHA256SUMS has nothing for $platform; nothing was installed." "curl -fsSL $url/SHA256SUMS" ;;
    *"$newline"*) fail "SHA256SUMS has several versions for $platform; nothing was installed." "MCP_SSE_DOWNLOAD_URL=<the directory of one version> sh install.sh" ;;
  esac
  expected=${line%%  *}
  file=${line##*  }

  say "fetching $file"
  fetch "$url/$file" "$work/mcp-sse" ||
    fail "$url/$file cannot be fetched; nothing was installed." "curl -fsSLO $url/$file"
  actual=$(sum_of "$work/mcp-sse")
  if [ "$actual" != "$expected" ]; then
    fail "$file has the SHA-256 $actual and not $expected: it is damaged or not the one that was released. Nothing was installed." "run it again, and if it stays so tell who released it"
  fi

  chmod 755 "$work/mcp-sse"
  # Bun 1.4.5 leaves x64 executables with a signature of before they were put together, for which macOS may kill them.
  case "$platform" in
    macos-*)
      codesign --verify "$work/mcp-sse" 2>/dev/null || codesign --force --sign - "$work/mcp-sse" ||
        fail "$file cannot be signed for this machine; nothing was installed." "xcode-select --install, and run it again"
      ;;
  esac
  if ! version=$("$work/mcp-sse" version 2>"$work/error"); then
    sed 's/^/  /' "$work/error" >&2
    case "$platform" in
      *-musl) hint='apk add libstdc++, and run it again' ;;
      linux-x64) hint='grep -c avx2 /proc/cpuinfo (the processor has to have it), or npm install -g mcp-sse-server' ;;
      *) hint='npm install -g mcp-sse-server' ;;
    esac
    fail "$file does not run on this machine; nothing was installed." "$hint"
  fi
  mv -f "$work/mcp-sse" "$dir/mcp-sse" || fail "$dir/mcp-sse cannot be written; nothing was installed." 'MCP_SSE_INSTALL_DIR=<a directory of yours> sh install.sh'

  say "$version is in $dir/mcp-sse"
  case ":${PATH:-}:" in
    *":$dir:"*) printf '%s\n' 'Try: mcp-sse serve' >&2 ;;
    *) printf '%s\n' "Try: $dir/mcp-sse serve    ($dir is not in your PATH)" >&2 ;;
  esac
}

main "$@"
