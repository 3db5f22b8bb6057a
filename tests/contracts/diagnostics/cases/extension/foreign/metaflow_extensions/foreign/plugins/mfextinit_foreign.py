FLOW_DECORATORS_DESC = [("trigger", ".other.OtherTrigger")]
