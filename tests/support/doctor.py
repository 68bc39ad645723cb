"""What the doctor looks at in tests: a server that is well, on a machine that is."""

from support import builders as make

from sleeptui.core.learned import Learned
from sleeptui.core.model import Control
from sleeptui.core.settings import Settings
from sleeptui.services import doctor
from sleeptui.services.doctor_finding import Scene

GIB = make.GIB
WALL_S = 1_700_000_000.0 + 7200


def well(name="qwen", **fields):
    """A server at which there is nothing to find."""
    values = {
        "control": Control.AVAILABLE,
        "facts": make.facts("0.33.0", models=(name,), load_tracking=True),
        "home": make.home(4711, listens_on=("127.0.0.1",)),
        "memory": make.memory(),
        "learned": Learned(awake_by_gpu={0: 40 * GIB}, reference=make.reference()),
        "verification": make.verification(),
        "metrics": make.metrics(gpu_memory_utilization=0.3),
        **fields,
    }
    return make.server(name, **values)


def scene(*views, gpus=None, notes=(), environment=None, **fleet):
    gpus = (make.gpu_view(processes=(make.process(),)),) if gpus is None else gpus
    picture = make.fleet(views, gpus, **fleet)
    return Scene(
        fleet=picture,
        settings=Settings(),
        notes=notes,
        environment=environment or {},
        wall_s=WALL_S,
    )


def findings(*views, **fields):
    """All findings by id; those of the machine with the others."""
    return {one.id: one for one in doctor.examine(scene(*views, **fields))}


def of(view, id_, **fields):
    return findings(view, **fields)[id_]
