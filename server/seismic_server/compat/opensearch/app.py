"""The router of the OpenSearch API."""

from starlette.applications import Starlette
from starlette.middleware import Middleware

from seismic_server.compat.opensearch import aliases, changes, indices, reads, searches
from seismic_server.compat.opensearch.errors import RefusedError, on_refusal
from seismic_server.compat.opensearch.routing import Method, route
from seismic_server.compat.opensearch.search_body import PARAMETERS
from seismic_server.http.errors import HANDLERS
from seismic_server.http.middleware import CatchFailures
from seismic_server.routes import reading  # noqa: F401 (registers the convertor `any`)


def create_opensearch() -> Starlette:
    """Return the router."""
    search = Method(searches.search, PARAMETERS)
    many = Method(searches.multi_search)
    count = Method(searches.count)
    bulk = Method(changes.bulk)
    get_many = Method(reads.get_many, reads.SOURCE)
    scroll, end_scroll = Method(searches.scroll, ("scroll", "scroll_id")), Method(searches.end_scroll)
    explain = Method(searches.explain)
    table = ("format", "v", "h", "bytes", "s")
    guarded = (*changes.GUARDS, "op_type")
    put, create = Method(changes.put, guarded), Method(changes.create)
    update = Method(changes.update, (*changes.GUARDS, "retry_on_conflict"))
    read, read_source = Method(reads.get, reads.SOURCE), Method(reads.get_source, reads.SOURCE)
    alias = aliases.put
    query = ("conflicts", "scroll_size", "scroll", "slices", "search_timeout", "requests_per_second")
    return Starlette(
        routes=[
            route("/", GET=indices.info),
            route("/_bulk", POST=bulk, PUT=bulk),
            route("/_mget", GET=get_many, POST=get_many),
            route("/_search", GET=search, POST=search),
            route("/_msearch", GET=many, POST=many),
            route("/_search/scroll", GET=scroll, POST=scroll, DELETE=end_scroll),
            route("/_search/scroll/{id:any}", GET=scroll, POST=scroll, DELETE=end_scroll),
            route("/_search/point_in_time", DELETE=searches.delete_pit),
            route("/_search/point_in_time/_all", DELETE=searches.delete_pit),
            route("/_refresh", GET=indices.refresh_all, POST=indices.refresh_all),
            route("/_cluster/health", GET=Method(indices.health, ("wait_for_status", "level"))),
            route("/_cluster/health/{index:index}", GET=Method(indices.health, ("wait_for_status", "level"))),
            route("/_cat/indices", GET=Method(indices.cat_indices, table)),
            route("/_cat/indices/{index:index}", GET=Method(indices.cat_indices, table)),
            route("/_cat/count/{index:index}", GET=Method(indices.cat_count, table)),
            route("/_alias", GET=aliases.get),
            route("/_alias/{id:index}", GET=aliases.get),
            route("/_aliases", GET=aliases.get, POST=aliases.update),
            route("/{index:index}/_alias", GET=aliases.get),
            route("/{index:index}/_alias/{id:index}", GET=aliases.get, PUT=alias, POST=alias, DELETE=aliases.delete),
            route("/{index:index}/_aliases/{id:index}", PUT=alias, POST=alias, DELETE=aliases.delete),
            route("/{index:index}", GET=indices.get, PUT=indices.create, DELETE=indices.delete),
            route("/{index:index}/_mapping", GET=indices.get_mapping, PUT=indices.put_mapping),
            route("/{index:index}/_settings", GET=indices.get_settings),
            route("/{index:index}/_refresh", GET=indices.refresh, POST=indices.refresh),
            route("/{index:index}/_bulk", POST=bulk, PUT=bulk),
            route("/{index:index}/_mget", GET=get_many, POST=get_many),
            route("/{index:index}/_search", GET=search, POST=search),
            route("/{index:index}/_msearch", GET=many, POST=many),
            route("/{index:index}/_count", GET=count, POST=count),
            route("/{index:index}/_search/point_in_time", POST=Method(searches.create_pit, ("keep_alive",))),
            route("/{index:index}/_delete_by_query", POST=Method(changes.delete_by_query, query)),
            route("/{index:index}/_doc", POST=changes.post),
            route("/{index:index}/_doc/{id:any}", GET=read, PUT=put, POST=put, DELETE=Method(changes.delete, guarded)),
            route("/{index:index}/_create/{id:any}", PUT=create, POST=create),
            route("/{index:index}/_update/{id:any}", POST=update),
            route("/{index:index}/_source/{id:any}", GET=read_source),
            route("/{index:index}/_explain/{id:any}", GET=explain, POST=explain),
        ],
        middleware=[Middleware(CatchFailures)],  # before Starlette's own answer to failures, which is plain text
        exception_handlers={**HANDLERS, RefusedError: on_refusal},
    )
