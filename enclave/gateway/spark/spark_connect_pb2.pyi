from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UserContext(_message.Message):
    __slots__ = ("user_id",)
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    def __init__(self, user_id: _Optional[str] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("root", "command")
    ROOT_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    root: Relation
    command: Command
    def __init__(self, root: _Optional[_Union[Relation, _Mapping]] = ..., command: _Optional[_Union[Command, _Mapping]] = ...) -> None: ...

class Relation(_message.Message):
    __slots__ = ("read", "sql")
    READ_FIELD_NUMBER: _ClassVar[int]
    SQL_FIELD_NUMBER: _ClassVar[int]
    read: Read
    sql: SQL
    def __init__(self, read: _Optional[_Union[Read, _Mapping]] = ..., sql: _Optional[_Union[SQL, _Mapping]] = ...) -> None: ...

class SQL(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: str
    def __init__(self, query: _Optional[str] = ...) -> None: ...

class Read(_message.Message):
    __slots__ = ("data_source",)
    class DataSource(_message.Message):
        __slots__ = ("format", "schema", "options", "paths")
        class OptionsEntry(_message.Message):
            __slots__ = ("key", "value")
            KEY_FIELD_NUMBER: _ClassVar[int]
            VALUE_FIELD_NUMBER: _ClassVar[int]
            key: str
            value: str
            def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
        FORMAT_FIELD_NUMBER: _ClassVar[int]
        SCHEMA_FIELD_NUMBER: _ClassVar[int]
        OPTIONS_FIELD_NUMBER: _ClassVar[int]
        PATHS_FIELD_NUMBER: _ClassVar[int]
        format: str
        schema: str
        options: _containers.ScalarMap[str, str]
        paths: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, format: _Optional[str] = ..., schema: _Optional[str] = ..., options: _Optional[_Mapping[str, str]] = ..., paths: _Optional[_Iterable[str]] = ...) -> None: ...
    DATA_SOURCE_FIELD_NUMBER: _ClassVar[int]
    data_source: Read.DataSource
    def __init__(self, data_source: _Optional[_Union[Read.DataSource, _Mapping]] = ...) -> None: ...

class Command(_message.Message):
    __slots__ = ("create_dataframe_view",)
    CREATE_DATAFRAME_VIEW_FIELD_NUMBER: _ClassVar[int]
    create_dataframe_view: CreateDataFrameViewCommand
    def __init__(self, create_dataframe_view: _Optional[_Union[CreateDataFrameViewCommand, _Mapping]] = ...) -> None: ...

class CreateDataFrameViewCommand(_message.Message):
    __slots__ = ("input", "name", "is_global", "replace")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    IS_GLOBAL_FIELD_NUMBER: _ClassVar[int]
    REPLACE_FIELD_NUMBER: _ClassVar[int]
    input: Relation
    name: str
    is_global: bool
    replace: bool
    def __init__(self, input: _Optional[_Union[Relation, _Mapping]] = ..., name: _Optional[str] = ..., is_global: _Optional[bool] = ..., replace: _Optional[bool] = ...) -> None: ...

class ExecutePlanRequest(_message.Message):
    __slots__ = ("session_id", "user_context", "plan", "operation_id", "tags")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    USER_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    user_context: UserContext
    plan: Plan
    operation_id: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, session_id: _Optional[str] = ..., user_context: _Optional[_Union[UserContext, _Mapping]] = ..., plan: _Optional[_Union[Plan, _Mapping]] = ..., operation_id: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ...) -> None: ...

class ExecutePlanResponse(_message.Message):
    __slots__ = ("session_id", "arrow_batch", "result_complete")
    class ArrowBatch(_message.Message):
        __slots__ = ("row_count", "data")
        ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
        DATA_FIELD_NUMBER: _ClassVar[int]
        row_count: int
        data: bytes
        def __init__(self, row_count: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...
    class ResultComplete(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ARROW_BATCH_FIELD_NUMBER: _ClassVar[int]
    RESULT_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    arrow_batch: ExecutePlanResponse.ArrowBatch
    result_complete: ExecutePlanResponse.ResultComplete
    def __init__(self, session_id: _Optional[str] = ..., arrow_batch: _Optional[_Union[ExecutePlanResponse.ArrowBatch, _Mapping]] = ..., result_complete: _Optional[_Union[ExecutePlanResponse.ResultComplete, _Mapping]] = ...) -> None: ...

class AnalyzePlanRequest(_message.Message):
    __slots__ = ("session_id", "user_context", "spark_version")
    class SparkVersion(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    USER_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    SPARK_VERSION_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    user_context: UserContext
    spark_version: AnalyzePlanRequest.SparkVersion
    def __init__(self, session_id: _Optional[str] = ..., user_context: _Optional[_Union[UserContext, _Mapping]] = ..., spark_version: _Optional[_Union[AnalyzePlanRequest.SparkVersion, _Mapping]] = ...) -> None: ...

class AnalyzePlanResponse(_message.Message):
    __slots__ = ("session_id", "spark_version")
    class SparkVersion(_message.Message):
        __slots__ = ("version",)
        VERSION_FIELD_NUMBER: _ClassVar[int]
        version: str
        def __init__(self, version: _Optional[str] = ...) -> None: ...
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SPARK_VERSION_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    spark_version: AnalyzePlanResponse.SparkVersion
    def __init__(self, session_id: _Optional[str] = ..., spark_version: _Optional[_Union[AnalyzePlanResponse.SparkVersion, _Mapping]] = ...) -> None: ...

class InterruptRequest(_message.Message):
    __slots__ = ("session_id", "user_context", "interrupt_type", "operation_tag", "operation_id")
    class InterruptType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        INTERRUPT_TYPE_UNSPECIFIED: _ClassVar[InterruptRequest.InterruptType]
        INTERRUPT_TYPE_ALL: _ClassVar[InterruptRequest.InterruptType]
        INTERRUPT_TYPE_TAG: _ClassVar[InterruptRequest.InterruptType]
        INTERRUPT_TYPE_OPERATION_ID: _ClassVar[InterruptRequest.InterruptType]
    INTERRUPT_TYPE_UNSPECIFIED: InterruptRequest.InterruptType
    INTERRUPT_TYPE_ALL: InterruptRequest.InterruptType
    INTERRUPT_TYPE_TAG: InterruptRequest.InterruptType
    INTERRUPT_TYPE_OPERATION_ID: InterruptRequest.InterruptType
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    USER_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    INTERRUPT_TYPE_FIELD_NUMBER: _ClassVar[int]
    OPERATION_TAG_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    user_context: UserContext
    interrupt_type: InterruptRequest.InterruptType
    operation_tag: str
    operation_id: str
    def __init__(self, session_id: _Optional[str] = ..., user_context: _Optional[_Union[UserContext, _Mapping]] = ..., interrupt_type: _Optional[_Union[InterruptRequest.InterruptType, str]] = ..., operation_tag: _Optional[str] = ..., operation_id: _Optional[str] = ...) -> None: ...

class InterruptResponse(_message.Message):
    __slots__ = ("session_id", "interrupted_ids")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    INTERRUPTED_IDS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    interrupted_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, session_id: _Optional[str] = ..., interrupted_ids: _Optional[_Iterable[str]] = ...) -> None: ...
