"""boot: which kernel the boot loader takes next."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelnet_probes import boot
from accelnet_probes.files import MemoryStore, Tree
from accelnet_probes.snapshot import Gap, NextBoot

OLD, NEW = "6.1.0-9-cloud-amd64", "6.1.0-50-cloud-amd64"
LINE = "root=UUID=1 ro console=ttyS0"

# Debian's grub-mkconfig, cut down to what decides.
DEBIAN = f"""\
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${{next_entry}}" ] ; then
   set default="${{next_entry}}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="0"
fi
function savedefault {{
  if [ -z "${{boot_once}}" ]; then
    saved_entry="${{chosen}}"
  fi
}}
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-1' {{
        insmod gzio
        linux   /boot/vmlinuz-{NEW} {LINE}
        initrd  /boot/initrd.img-{NEW}
}}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-1' {{
        menuentry 'Debian, with Linux {NEW}' --class debian $menuentry_id_option 'gnulinux-{NEW}' {{
                linux   /boot/vmlinuz-{NEW} {LINE}
        }}
        menuentry "Debian, with Linux {OLD}" --class debian $menuentry_id_option 'gnulinux-{OLD}' {{
                linux16\t/vmlinuz-{OLD} {LINE} module_blacklist=mana
        }}
}}
"""
RHEL = """\
set default="${saved_entry}"
insmod blscfg
blscfg
"""


def _store(**files: str) -> MemoryStore:
    store = MemoryStore()
    for path, content in files.items():
        store.add_file(path, content.encode())
    return store


def _entry(release: str, options: str = LINE) -> str:
    return (
        f"title Red Hat Enterprise Linux ({release})\nversion {release}\n"
        f"linux /vmlinuz-{release}\ninitrd /initramfs-{release}.img\noptions {options}\n"
    )


def _probe(store: MemoryStore, *installed: str, refused: str = "") -> NextBoot | Gap:
    return boot.probe(
        Tree(store, {refused: errno.EACCES} if refused else {}), installed or (OLD, NEW)
    )


def _told(store: MemoryStore, *installed: str) -> NextBoot:
    found = _probe(store, *installed)
    assert isinstance(found, NextBoot), found
    return found


def test_grubs_first_entry() -> None:
    """As Debian and Ubuntu have it; with its command line."""
    assert _told(_store(**{"boot/grub/grub.cfg": DEBIAN})) == NextBoot(
        release=NEW, why="/boot/grub/grub.cfg: the default entry (0)", command_line=LINE
    )


@pytest.mark.parametrize(
    ("default", "release"),
    [
        pytest.param("0", NEW, id="index"),
        pytest.param("1>1", OLD, id="in-a-submenu-by-index"),
        pytest.param(f"gnulinux-advanced-1>gnulinux-{OLD}", OLD, id="by-id"),
        pytest.param(f"1>Debian, with Linux {OLD}", OLD, id="by-title"),
        pytest.param("1", NEW, id="a-submenus-first"),
    ],
)
def test_grubs_default(default: str, release: str) -> None:
    """An index, an id or a title; `>` leads into a submenu."""
    content = DEBIAN.replace('set default="0"', f'set default="{default}"')
    assert _told(_store(**{"boot/grub/grub.cfg": content})).release == release


@pytest.mark.parametrize("default", ["7", "2>0", "no such entry", "1>9", "99999999", "0>0", ""])
def test_an_entry_that_is_not_there_is_not_guessed(default: str) -> None:
    """Which one GRUB falls back to is GRUB's."""
    content = DEBIAN.replace('set default="0"', f'set default="{default}"')
    found = _probe(_store(**{"boot/grub/grub.cfg": content}))
    assert found == Gap(
        asked=True, why=f"/boot/grub/grub.cfg: entry {default!r} leads to no kernel"
    )


def test_an_entry_that_is_saved() -> None:
    """GRUB_DEFAULT=saved."""
    content = DEBIAN.replace('set default="0"', 'set default="${saved_entry}"')
    environment = f"# GRUB Environment Block\nsaved_entry=1>gnulinux-{OLD}\n######"
    store = _store(**{"boot/grub/grub.cfg": content, "boot/grub/grubenv": environment})
    assert _told(store).release == OLD
    assert _told(_store(**{"boot/grub/grub.cfg": content})).release == NEW


def test_an_entry_to_boot_once_comes_first() -> None:
    """grub-reboot writes it to grubenv."""
    store = _store(
        **{"boot/grub/grub.cfg": DEBIAN, "boot/grub/grubenv": f"next_entry=1>gnulinux-{OLD}\n"}
    )
    found = _told(store)
    assert found.release == OLD
    assert found.why == f"/boot/grub/grub.cfg: the entry to boot once (1>gnulinux-{OLD})"
    assert found.command_line == f"{LINE} module_blacklist=mana"


def test_entries_of_the_boot_loader_specification() -> None:
    """RHEL 8 and later, Fedora: the newest, or the one that grubenv saves."""
    store = _store(
        **{
            "boot/grub2/grub.cfg": RHEL,
            f"boot/loader/entries/m-{OLD}.conf": _entry(OLD),
            f"boot/loader/entries/m-{NEW}.conf": _entry(NEW, "$kernelopts quiet"),
            "boot/loader/entries/notes.txt": "",
            "boot/grub2/grubenv": f"kernelopts={LINE}\n",
        }
    )
    assert _told(store) == NextBoot(
        release=NEW, why="/boot/loader/entries: the newest entry", command_line=f"{LINE} quiet"
    )
    store.add_file("boot/grub2/grubenv", f"saved_entry=m-{OLD}\n".encode())
    assert _told(store).release == OLD
    assert _told(store).why == f"/boot/loader/entries: the entry m-{OLD}"
    store.add_file("boot/grub2/grubenv", b"saved_entry=m-gone\n")
    assert _told(store).why == "/boot/loader/entries: the newest entry, as m-gone is not there"
    store.add_file("boot/grub2/grubenv", b"saved_entry=1\n")
    assert _told(store).release == OLD


def test_grub_that_asks_for_entries_that_are_not_there() -> None:
    """It would stop at its prompt."""
    found = _probe(_store(**{"boot/grub2/grub.cfg": RHEL}))
    assert found == Gap(
        asked=True, why="/boot/grub2/grub.cfg asks for entries in /boot/loader, which has none"
    )


@pytest.mark.parametrize(
    ("loader", "release"),
    [
        pytest.param("default m-6.1.0-9-*\n", OLD, id="pattern"),
        pytest.param(f"timeout 3\ndefault m-{OLD}.conf\n", OLD, id="name"),
        pytest.param("default @saved\n", NEW, id="in-the-firmware"),
        pytest.param("default\n", NEW, id="nothing"),
    ],
)
def test_systemd_boot(loader: str, release: str) -> None:
    """Its loader.conf chooses among the same entries."""
    store = _store(
        **{
            f"boot/loader/entries/m-{OLD}.conf": _entry(OLD),
            f"boot/loader/entries/m-{NEW}.conf": _entry(NEW),
            "boot/loader/loader.conf": loader,
        }
    )
    assert _told(store).release == release


@pytest.mark.parametrize(
    ("path", "target"),
    [
        pytest.param("boot/vmlinuz", f"vmlinuz-{OLD}", id="suse"),
        pytest.param("vmlinuz", f"boot/vmlinuz-{OLD}", id="debian"),
        pytest.param("boot/Image", f"Image-{OLD}", id="arm64"),
    ],
)
def test_a_link(path: str, target: str) -> None:
    """Where no boot loader's file is there."""
    store = MemoryStore()
    store.add_link(path, target)
    assert _told(store) == NextBoot(release=OLD, why=f"the link /{path}")


@pytest.mark.parametrize("target", ["vmlinuz-9.9.9", "vmlinuz-", "flatcar/vmlinuz-a", "bzImage"])
def test_a_link_to_no_installed_kernel_says_nothing(target: str) -> None:
    """What is not installed can not boot."""
    store = MemoryStore()
    store.add_link("boot/vmlinuz", target)
    assert _told(store).release == NEW


def test_an_entry_by_a_link() -> None:
    """GRUB's entry names /boot/vmlinuz, which leads on."""
    store = _store(**{"boot/grub/grub.cfg": "menuentry 'Linux' {\n linux /boot/vmlinuz quiet\n}\n"})
    assert isinstance(_probe(store), Gap)
    store.add_link("boot/vmlinuz", f"vmlinuz-{OLD}")
    assert _told(store) == NextBoot(
        release=OLD,
        why="/boot/grub/grub.cfg: the default entry (0), the link /boot/vmlinuz",
        command_line="quiet",
    )


def test_the_newest_of_several() -> None:
    """Numbers count as numbers: 9 is older than 50."""
    found = _told(MemoryStore())
    assert found.release == NEW
    assert found.why.startswith("the newest of 2 in /lib/modules")


def test_the_only_one() -> None:
    """Whatever a file says that can not be read."""
    assert _told(MemoryStore(), OLD) == NextBoot(release=OLD, why="the only kernel in /lib/modules")
    store = _store(**{"boot/grub/grub.cfg": DEBIAN})
    assert _probe(store, OLD, refused="boot/grub/grub.cfg") == NextBoot(
        release=OLD, why="the only kernel in /lib/modules"
    )


def test_a_refused_file_decides_and_is_not_seen() -> None:
    """As an unprivileged user's."""
    store = _store(**{"boot/grub/grub.cfg": DEBIAN})
    assert _probe(store, refused="boot/grub/grub.cfg") == Gap(
        asked=True, why="/boot/grub/grub.cfg: EACCES"
    )
    store = _store(**{f"boot/loader/entries/m-{OLD}.conf": _entry(OLD)})
    assert _probe(store, refused="boot/loader/entries") == Gap(
        asked=True, why="/boot/loader/entries: EACCES"
    )


def test_no_kernel_at_all() -> None:
    """Nothing boots."""
    assert isinstance(boot.probe(Tree(MemoryStore()), ()), Gap)


@given(st.text("menuentry submenu{}'\"\n\t >linux0123/vmlinuz-set default=${}", max_size=200))
def test_garbage_raises_nothing(content: str) -> None:
    """A grub.cfg is a script that anyone may have written."""
    boot.probe(Tree(_store(**{"boot/grub/grub.cfg": content})), (OLD, NEW))


@given(st.text(max_size=40), st.text(max_size=40))
def test_natural_order_is_total(one: str, other: str) -> None:
    """Any two names compare."""
    assert (boot.natural(one) < boot.natural(other)) == (
        not boot.natural(one) >= boot.natural(other)
    )
