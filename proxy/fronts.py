"""What the fronts tell of themselves: the HTTP API, and `parallax gateway` of the commands that it answers."""

from opentelemetry.metrics import Histogram, Meter

from comparators.verdict import Verdict
from proxy.distributions import BOUNDS_S
from proxy.measures import COMMAND_SERVED, HTTP_SERVED, SEARCHES_COMPARED, Declared


class FrontMetrics:
    """The instruments of a front."""

    def __init__(self, meter: Meter) -> None:
        self._http, self._commands = (
            _histogram(meter, declared) for declared in (HTTP_SERVED, COMMAND_SERVED)
        )

        self._searches = meter.create_counter(
            SEARCHES_COMPARED.name, SEARCHES_COMPARED.unit, SEARCHES_COMPARED.meaning
        )

    def search(self, collection: str, verdict: Verdict) -> None:
        """Add a search that was compared."""
        self._searches.add(1, {"parallax.verdict": verdict.value, "db.collection.name": collection})

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Add an answer of the HTTP API; `route` is a pattern of the router, empty where none was meant."""
        labels = {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": str(status),
        }
        self._http.record(seconds, labels)

    def command(self, name: str, code: int | None, seconds: float) -> None:
        """Add an answer to a driver; `name` is one of the commands that there are, `code` why it was refused."""
        error = {} if code is None else {"error.type": str(code)}
        self._commands.record(seconds, {"db.operation.name": name, **error})


def _histogram(meter: Meter, declared: Declared) -> Histogram:
    return meter.create_histogram(
        declared.name,
        declared.unit,
        declared.meaning,
        explicit_bucket_boundaries_advisory=BOUNDS_S,
    )
