"""Data with a schema: how it is described, made, checked and fitted to a table."""

from decimal import Decimal

from isthmus.api.logical import decimal_schema
from isthmus.api.projection import projection
from isthmus.api.schema import INT64, OPTIONAL_STRING, STRING, array_schema, struct_schema
from isthmus.api.struct import Struct, with_default

ITEM = struct_schema(("sku", STRING), ("price", decimal_schema(2)), name="shop.Item")
ORDER = struct_schema(
    ("id", INT64),
    ("items", array_schema(ITEM)),
    ("note", OPTIONAL_STRING),
    ("state", with_default(STRING, "new")),
    name="shop.Order",
)

order = Struct(ORDER, id=7, items=[Struct(ITEM, sku="a-1", price=Decimal("9.50"))])
order.validate()  # a DataError names the place: "items[0].price"

# What a table keeps that knows fewer columns, and wider ones.
TABLE = struct_schema(("id", INT64), ("state", STRING), name="shop.Order")
row = projection(ORDER, TABLE)(order)  # Struct{id=7,state=new}
