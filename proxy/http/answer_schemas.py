"""The shapes of answers, as JSON Schema has them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from proxy.http.problems import Code
from proxy.http.search_routes import SEARCH_SCHEMAS

SCHEMAS: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "Document": {
            "type": "object",
            "description": 'A document as relaxed Extended JSON; types that JSON lacks are objects such as `{"$oid": …}`',
            "properties": {"_id": {}},
            "required": ["_id"],
        },
        "Page": {
            "type": "object",
            "properties": {
                "items": {"type": "array", "items": {"type": "object"}},
                "next": {"type": ["string", "null"], "description": "The cursor of the next page"},
                "total": {"type": "integer"},
            },
            "required": ["items"],
        },
        "StoredFile": {
            "type": "object",
            "properties": {
                "_id": {},
                "filename": {"type": "string"},
                "length": {"type": "integer", "minimum": 0},
                "uploadDate": {},
                "metadata": {"type": "object"},
                "contentType": {"type": "string"},
                "sha256": {"type": "string", "description": "Of the content, as in the `ETag`"},
            },
            "required": ["_id", "length", "uploadDate"],
        },
        "Items": {
            "type": "object",
            "properties": {"items": {"type": "array", "items": {"type": "object"}}},
            "required": ["items"],
        },
        "Found": {
            "type": "object",
            "properties": {
                "items": {"type": "array", "items": {"type": "object"}},
                "by": {"enum": ["engine", "database"], "description": "Who found them"},
                "because": {"type": "string", "description": "Why it was not the engine"},
            },
            "required": ["items", "by", "because"],
        },
        "Result": {
            "type": "object",
            "properties": {"result": {"description": "null where it finds nothing"}},
            "required": ["result"],
        },
        "Values": {
            "type": "object",
            "properties": {"values": {"type": "array"}},
            "required": ["values"],
        },
        **SEARCH_SCHEMAS,
        "Count": {
            "type": "object",
            "properties": {"count": {"type": "integer", "minimum": 0}},
            "required": ["count"],
        },
        "Results": {
            "type": "object",
            "properties": {
                "results": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "status": {"type": "integer"},
                            "document": {"type": "object"},
                            "count": {"type": "integer"},
                            "problem": {"$ref": "#/components/schemas/Problem"},
                        },
                        "required": ["status"],
                    },
                }
            },
            "required": ["results"],
        },
        "Transaction": {
            "type": "object",
            "properties": {
                "id": {"type": "string"},
                "state": {"enum": ["open", "committed", "aborted"]},
                "timeout_s": {"type": "number"},
            },
            "required": ["id", "state"],
        },
        "Problem": {
            "type": "object",
            "description": "RFC 9457; go by `code`",
            "properties": {
                "type": {"type": "string", "format": "uri"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "code": {"enum": [code.value for code in Code]},
                "detail": {"type": "string"},
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "path": {"type": "string"},
                            "kind": {"type": "string"},
                            "message": {"type": "string"},
                        },
                        "required": ["path", "kind", "message"],
                    },
                },
            },
            "required": ["type", "title", "status", "code", "detail"],
        },
    }
)
