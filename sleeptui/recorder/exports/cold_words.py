"""From what a server started, in a few words."""

from sleeptui.core.cold import ColdKind

KINDS = {
    ColdKind.CACHED.value: "page cache",
    ColdKind.DISK.value: "disk",
    ColdKind.VIRGIN.value: "disk, no compile cache",
    ColdKind.UNKNOWN.value: "unknown",
}
